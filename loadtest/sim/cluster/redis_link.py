"""A pod's link to the simulated Redis: the way of commands and replies, as `app.cache` and its pipe go it.

When Redis counts as away is the service's own policy (`app.standing`), and so is what judges time-outs (`app.lookout`).
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from app import budget
from app.standing import Standing
from app.strategy import CacheAway, Clock
from app.tasks import Tasks
from loadtest.sim.cluster import events
from loadtest.sim.cluster.looks import Looks
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_cpu import PodCpu, sleep_outside
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.cluster.redis_trouble import CommandRefused, Lost

T = TypeVar("T")

DEAD_S_MAX = 3_600.0
"""Seconds after which the system gives up a connection on which nothing arrives."""
SPENT = "the request has spent what time it has for the cache (cache_budget_ms)"


@dataclass(frozen=True, slots=True)
class ClientTimeouts:
    """A pod's time-outs for Redis: the settings of the same names, in seconds."""

    timeout_s: float = math.inf
    pause_s: float = 0.0
    retries: int = 0


PATIENT = ClientTimeouts()
"""A client that waits for as long as it takes."""


class Refusal(CacheAway):
    """An error reply of Redis; commands other than writes treat it as an unreachable cache."""


class RedisLink:
    """The link of one pod, with its faults. Commands take effect half way through their time."""

    def __init__(
        self,
        server: SimulatedRedis,
        clock: Clock,
        latency_s: float | Callable[[], float],
        timeouts: ClientTimeouts,
        gate: PauseGate,
        pod: str,
        cpu: PodCpu | None,
    ) -> None:
        """Set up the link; with a `cpu`, replies are noticed when that is free."""
        self._server, self._pod, self._emit = server, pod, server.observers.emit
        self._now_s = clock.monotonic_s
        self._latency_s, self._timeouts = latency_s, timeouts
        self.gate, self.cpu = gate, cpu
        self.tasks = Tasks()
        self.standing = Standing(timeouts.pause_s, clock.monotonic_s)
        self._looks = None if cpu is None else Looks(timeouts.timeout_s, clock)  # without a CPU every timer is on time
        self._judging_s = clock.monotonic_s if self._looks is None else self._looks.now_s
        self.is_cut_off = self.is_dead = self.dead_arrive = False
        self.extra_s = 0.0

    @property
    def is_far(self) -> bool:
        """Whether commands and notifications take time on their way."""
        return bool(self._latency_s or self.extra_s)

    @property
    def is_near(self) -> bool:
        """Whether commands take no time and cannot fail, so that an idle pod sees their replies at once."""
        return not (self.is_far or self.is_cut_off or self.is_dead) and self._server.is_well

    def draw_s(self) -> float:
        """The time of a command to Redis and back, in seconds."""
        return (self._latency_s() if callable(self._latency_s) else self._latency_s) + self.extra_s

    async def send(self, name: str, command: Callable[[], T]) -> T:
        """Send a command and wait for its reply, within the budget of the request. Raises `CacheAway`."""
        patience = budget.current.get()
        if name == "lock" and patience is not None and patience.is_spent:
            raise CacheAway(SPENT)  # a request without time cannot use a lock
        # A command that is on its way has its effect, whether or not its caller stays for the answer.
        sent_s = self.standing.sending()
        travel = self.tasks.spawn(self._travel(name, command), name)
        began_s = self._judging_s()
        due_s = began_s + self._timeouts.timeout_s
        if patience is None:
            return await self._reply(travel, sent_s, due_s)
        try:
            if patience.left_s < self._timeouts.timeout_s and (
                patience.is_spent or not await self._is_in_time(travel, began_s + patience.left_s)
            ):
                self.tasks.spawn(self._reply(travel, sent_s, due_s), name)  # it is judged without its caller
                raise CacheAway(SPENT)
            reply = await self._reply(travel, sent_s, due_s)
        except CacheAway:
            patience.left_s -= self._judging_s() - began_s
            raise
        was_late = self._looks is not None and self._looks.was_late(began_s)
        patience.take(self._judging_s() - began_s, was_late)
        return reply

    async def _reply(self, travel: asyncio.Task[T], sent_s: float, due_s: float) -> T:
        """The reply to a command by the time that is due, reported to the standing of Redis. Raises `CacheAway`."""
        timeout_s = self._timeouts.timeout_s
        if not await self._is_in_time(travel, due_s):
            self.standing.timed_out(sent_s)
            self._tell()
            raise CacheAway(f"no answer within {timeout_s:g} s")
        if travel.cancelled():
            raise CacheAway("the pod ends")
        try:
            answer = travel.result()
        except Lost as lost:
            self.standing.lost()
            self._tell()
            raise CacheAway(str(lost)) from lost
        except CommandRefused as refused:  # the cache is there, and says no
            self.standing.refused(sent_s)
            raise Refusal(str(refused)) from refused
        self.standing.answered(sent_s)
        return answer

    def _tell(self) -> None:
        if self.standing.is_away and not self.is_cut_off:  # else it is this pod that is gone
            self._emit(events.RedisLeftAlone(self._pod))

    async def _is_in_time(self, travel: asyncio.Task[T], due_s: float) -> bool:
        """Whether a command has ended by the time that is due, by a loop that is on time."""
        if self._looks is not None:
            return await self._looks.is_in_time(travel, due_s)
        left_s = due_s - self._judging_s()
        if not travel.done() and left_s > 0:
            await asyncio.wait({travel}, timeout=None if left_s == math.inf else left_s)
        return travel.done()

    async def _travel(self, name: str, command: Callable[[], T]) -> T:
        """Send a command and return its reply. Raises `Lost` and `CommandRefused`.

        As the service does, it sends a command again whose connection was lost, in the rest of its time.
        """
        give_up_s = self._now_s() + self._timeouts.timeout_s
        retries_left = self._timeouts.retries
        while True:
            try:
                return await self._go_and_return(name, command)
            except Lost:
                retries_left -= 1
                if retries_left < 0 or self._now_s() >= give_up_s:
                    raise

    async def _go_and_return(self, name: str, command: Callable[[], T]) -> T:
        await self.gate.passed()
        latency_s = self.draw_s()
        await _travel_for(latency_s / 2)
        if self.is_dead:
            if self.dead_arrive:
                with suppress(CommandRefused, Lost):
                    await self._meet(name, command)
            await _travel_for(min(2 * self._timeouts.timeout_s, DEAD_S_MAX))  # longer than anybody waits for it
            raise Lost("the connection is dead")
        self._must_be_there()
        answer = await self._meet(name, command)
        await _travel_for(latency_s / 2)
        await self.gate.passed()
        if self.cpu is not None:
            await self.cpu.notice()
        self._must_be_there()
        return answer

    async def _meet(self, name: str, command: Callable[[], T]) -> T:
        try:
            return await self._server.meet(name, command)
        except (Lost, CommandRefused) as error:
            self._emit(events.CommandBroken(self._pod, name, error))
            raise

    def _must_be_there(self) -> None:
        if self._server.is_away or self.is_cut_off:
            raise Lost("the cache is away")


async def _travel_for(seconds: float) -> None:
    if seconds:
        await sleep_outside(seconds)
