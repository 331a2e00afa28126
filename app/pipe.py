"""The pipelined connection to Redis, for the commands on the path of a request.

A command is written at once, behind those that wait for their reply. There is no pool, no task and no timer per
command: one timer looks after everything that is under way.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from app.commands import Command, ConnectionGone, Malformed, ServerRefused, out_of_time
from app.lookout import AttentiveTime
from app.redis_address import RedisAddress
from app.standing import Standing
from app.strategy import CacheAway
from app.tasks import Tasks
from app.wire import Wire

PENDING_MAX = 10_000
"""Commands that may wait to be sent or for their reply; one more is turned away."""
UNSENT_BYTES_MAX = 64 * 1024 * 1024
"""Bytes that may wait for a Redis that does not read; beyond it a command is turned away."""


class PipeEvents(Protocol):
    """The observer of a pipe."""

    def command_sent(self, command: str) -> None: ...

    def command_failed(self, command: str) -> None: ...

    def task_died(self, task: str) -> None: ...


class Pipe:
    """One connection to Redis, or none, and the commands that are under way. Implements `app.wire.WireOwner`.

    A command whose connection is lost is sent again on the next one, `retries` times at most. The standing hears of
    lost connections, answers and time-outs; that the pipe is full is no failure of Redis.
    """

    def __init__(
        self,
        address: RedisAddress,
        standing: Standing,
        events: PipeEvents,
        timeout_s: float,
        retries: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout_s` bounds a connection's opening, and each command from its writing to its reply."""
        self._address, self._standing, self._events = address, standing, events
        self._timeout_s, self._retries, self._monotonic_s = timeout_s, retries, monotonic_s
        self._tasks = Tasks(events.task_died)
        self._wire: Wire | None = None
        self._unsent: deque[Command] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._connecting_since_s = 0.0
        self._connecting_due_s = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self.time = AttentiveTime(timeout_s, monotonic_s)
        """The time by which commands and their callers are given up."""
        self._is_closed = False
        self.look_after: Callable[[float], None] = lambda now_s: None
        """Called at each look with the moment, to give up what waits outside of the pipe."""

    def send(self, command: Command) -> None:
        """Send the command, now or as soon as there is a connection. One that comes to nothing is failed."""
        if (full := self._full()) is not None:
            self._fail(command, CacheAway(full))
            return
        self._events.command_sent(command.name)
        command.tries_left = self._retries
        if self._timer is None:
            self._look_again()
        self._put(command)

    def hang_up(self, why: str) -> None:
        """Close the connection and fail what is under way, so that the next command greets Redis anew."""
        self._break_off(ConnectionGone(why))

    async def aclose(self) -> None:
        """Close the connection and fail what is under way."""
        self._is_closed = True
        self._break_off(CacheAway("the cache is being closed"))
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.aclose()

    def answered(self, command: Command) -> None:
        if not command.is_late:
            self._standing.answered(command.sent_s)

    def refused(self, command: Command, error: str) -> None:
        if command.pack_again(error):
            self._put(command)
        else:
            self._standing.refused(command.sent_s)
            self._fail(command, ServerRefused(f"{command.name}: {error}"))

    def lost(self, wire: Wire, error: Exception | None) -> None:
        if wire is self._wire:
            self._wire = None
            self._standing.must_be_met = True
            self._try_again([command for command in wire.pending if not command.is_late], error)
        else:  # one that was being opened, or was broken off
            for command in wire.pending:
                self._fail(command, _gone(command, error))

    def _full(self) -> str | None:
        """Why no further command is taken, or None."""
        wire = self._wire
        if self._is_closed:
            return "the cache is being closed"
        if len(self._unsent) + (0 if wire is None else len(wire.pending)) >= PENDING_MAX:
            return f"{PENDING_MAX} commands wait for Redis"
        if wire is not None and wire.unsent_bytes > UNSENT_BYTES_MAX:
            return f"{UNSENT_BYTES_MAX} bytes wait for Redis"
        return None

    def _put(self, command: Command) -> None:
        command.sent_s, command.due_s = self._monotonic_s(), self.time.now_s() + self._timeout_s
        if self._wire is not None:
            self._wire.send(command)
        else:
            self._unsent.append(command)
            self._connect()

    def _connect(self) -> None:
        if self._connecting is None:
            self._connecting_since_s = self._monotonic_s()
            self._connecting_due_s = self.time.now_s() + self._timeout_s
            self._connecting = self._tasks.spawn(self._open(), "connection")

    async def _open(self) -> None:
        """Open a connection and send what waits for it."""
        try:
            wire = await self._address.open(self)
        except Exception as error:
            if self._connecting is asyncio.current_task():
                self._connecting = None
                unsent, self._unsent = self._unsent, deque()
                self._try_again(unsent, error)
        else:
            self._connecting, self._wire = None, wire
            unsent, self._unsent = self._unsent, deque()
            for command in unsent:
                self._put(command)

    def _try_again(self, commands: Iterable[Command], error: Exception | None) -> None:
        """Have the commands sent again whose tries are left, and fail the others: then Redis is away."""
        is_final = isinstance(error, Malformed | ServerRefused)
        failed = []
        for command in commands:
            if command.tries_left and not is_final:
                command.tries_left -= 1
                self._unsent.append(command)
            else:
                failed.append(command)
        if failed and not isinstance(error, ServerRefused):
            self._standing.lost()
        for command in failed:
            self._fail(command, error if isinstance(error, ServerRefused) else _gone(command, error))
        if self._unsent:
            self._connect()

    def _break_off(self, why: CacheAway) -> None:
        """Close the connection, or give up opening it, and fail everything that is under way."""
        wire, self._wire = self._wire, None
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        unsent, self._unsent = self._unsent, deque()
        if wire is not None:
            wire.break_off(why)
        for command in unsent:
            self._fail(command, why)

    def _fail(self, command: Command, why: CacheAway) -> None:
        self._count_failure(command)
        command.fail(why)

    def _count_failure(self, command: Command) -> None:
        if not command.is_failed:
            command.is_failed = True
            self._events.command_failed(command.name)

    # The one timer. It runs while anything is under way.

    def _look_again(self) -> None:
        self.time.begin()
        self._timer = asyncio.get_running_loop().call_later(self.time.every_s, self._look)

    def _look(self) -> None:
        self._timer = None
        self._judge(self.time.look())
        if self._timer is None and (
            self._unsent or self._connecting is not None or (self._wire is not None and self._wire.pending)
        ):
            self._look_again()

    def _judge(self, now_s: float) -> None:
        """Give up what has waited for long enough, and report what that says of Redis."""
        pending = () if self._wire is None else tuple(self._wire.pending)
        self.look_after(now_s)
        for command in (*pending, *self._unsent):
            if command.give_up(now_s):
                self._count_failure(command)
        is_late = False
        for command in pending:
            if command.due_s <= now_s and not command.is_late:
                is_late = command.is_late = True
                self._standing.timed_out(command.sent_s)
                self._fail(command, out_of_time())
        if self._connecting is not None and self._connecting_due_s <= now_s:
            is_late = True
            self._standing.timed_out(self._connecting_since_s)
            self._connecting.cancel()
            self._connecting = None
        while self._unsent and self._unsent[0].due_s <= now_s:
            self._fail(self._unsent.popleft(), out_of_time())
        if is_late and self._standing.is_away:
            self._break_off(ConnectionGone("Redis has not answered for several time-outs"))
        elif self._unsent:
            self._connect()


def _gone(command: Command, error: Exception | None) -> CacheAway:
    if isinstance(error, CacheAway):
        return type(error)(*error.args)
    return ConnectionGone(f"{command.name}: the connection was lost: {error or 'it was closed'!r}")
