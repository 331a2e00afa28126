"""A pod's connection to the simulated Redis, as `app.cache` is to a real one.

Both do the same to the millisecond that Redis counts in; one contract suite runs against both.
"""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from app import budget
from app.clock import RedisClock
from app.notifications import Notifications, Waiter
from app.strategy import CacheAway, Clock, Entry, Notification
from app.tasks import Tasks
from loadtest.sim.cluster import events
from loadtest.sim.cluster.redis_server import SimulatedRedis, milliseconds
from loadtest.sim.cluster.redis_trouble import CommandRefused, Lost

T = TypeVar("T")
P = ParamSpec("P")


DEAD_S_MAX = 3_600.0
"""Seconds after which the system gives up a connection on which nothing arrives."""


class PauseGate:
    """The gate between a pod and the network, closed while the pod is paused."""

    def __init__(self) -> None:
        self.is_open = True
        self._opened = asyncio.Event()

    def close(self) -> None:
        self.is_open = False
        self._opened.clear()

    def open(self) -> None:
        self.is_open = True
        self._opened.set()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while not self.is_open:
            await self._opened.wait()


@dataclass(frozen=True, slots=True)
class ClientTimeouts:
    """A pod's time-outs for Redis: the settings of the same names, in seconds."""

    timeout_s: float = math.inf
    pause_s: float = 0.0
    retries: int = 0


class SimulatedCache:
    """One pod's `app.strategy.Cache`, whose commands take effect on the server half way through their time."""

    def __init__(
        self,
        server: SimulatedRedis,
        clock: Clock,
        latency_s: float | Callable[[], float] = 0.0,
        timeouts: ClientTimeouts = ClientTimeouts(),
        gate: PauseGate | None = None,
        pod: str = "",
        failed: Callable[[str], None] = lambda command: None,
    ) -> None:
        """Set up the cache; `failed` is called with each command that the pod's metrics would count as failed."""
        self._server, self._pod, self._failed = server, pod, failed
        self._emit = server.observers.emit
        self._get = self._observed_get if server.observers.hear(events.EntryRead) else server.get
        self._true_clock = clock
        self.clock: Clock | RedisClock = clock
        """The clock that the pod goes by, which may be wrong: entries carry its times."""
        self._latency_s = latency_s
        self._timeouts = timeouts
        self._gate = gate or PauseGate()
        self._notifications = Notifications()
        self._tasks = Tasks()
        self.is_introduced = True
        """Whether the pod knows Redis's time; before, it uses nothing of Redis."""
        self._is_cut_off = self.is_dead = self.is_deaf = False
        self._dead_arrive = False
        self._extra_s = 0.0
        self._left_alone_until_s = -math.inf
        self._is_direct = False
        server.join(self)
        self.find_server()

    @property
    def is_cut_off(self) -> bool:
        """Whether this pod alone has no connection to Redis; see the server's `is_away`."""
        return self._is_cut_off

    @is_cut_off.setter
    def is_cut_off(self, is_cut_off: bool) -> None:
        has_come_back = self._is_cut_off and not is_cut_off
        self._is_cut_off = is_cut_off
        self.find_server()
        self.miss_announcements()
        if has_come_back:
            self.hear_all()

    def introduce(self, is_introduced: bool) -> None:
        self.is_introduced = is_introduced
        self.find_server()

    def slow_down(self, extra_s: float) -> None:
        """Slow every command down by `extra_s`; 0 ends it."""
        self._extra_s = extra_s
        self.find_server()

    def die(self, is_dead: bool, arrive: bool = False) -> None:
        """Kill or revive the connection: replies are lost without an error; with `arrive` commands take effect."""
        was_dead, self.is_dead, self._dead_arrive = self.is_dead, is_dead, arrive
        self.find_server()
        self.miss_announcements()
        if was_dead and not is_dead:
            self.hear_all()

    def go_deaf(self, is_deaf: bool) -> None:
        """Begin or end the loss of notifications; at its end every waiter looks again."""
        was_deaf, self.is_deaf = self.is_deaf, is_deaf
        self.miss_announcements()
        if was_deaf and not is_deaf:
            self.hear_all()

    def find_server(self) -> None:
        """Find out whether commands take no time and cannot fail, as nearly all do."""
        is_apart = self._latency_s or self._extra_s or self._is_cut_off or self.is_dead or not self.is_introduced
        self._is_direct = self._server.is_well and not is_apart

    async def get(self, key: str) -> Entry | None:
        if self._is_direct and self._gate.is_open:
            entry = self._get(key)
        else:
            entry = await self._ask("get", self._get, key)
        if entry is None or entry.is_servable(self.clock.now_s()):
            return entry
        if isinstance(self.clock, RedisClock):
            self.clock.doubt()
        return None

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        began_s, until_ms = self._true_clock.now_s(), math.ceil(entry.keep_until_s * 1000)
        try:
            return await self._ask("set" if token is None else "put", self._store, key, entry, until_ms, token)
        except _Refusal:
            return False
        finally:
            if took_s := self._true_clock.now_s() - began_s:
                self._emit(events.WriteTook(self._pod, took_s))

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        return await self._ask("lock", self._lock, key, token, milliseconds(lease_s))

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        return await self._ask("renew", self._renew, key, token, milliseconds(lease_s))

    async def unlock(self, key: str, token: str) -> bool:
        return await self._ask("unlock", self._unlock, key, token)

    async def time_s(self) -> float:
        """The time by the server's clock."""
        return await self._ask("time", self._server.time_s)

    @contextmanager
    def notification(self, key: str) -> Iterator[Notification]:
        with self._notifications.waiter(key) as waiter:
            yield _ObservedWaiter(waiter, lambda: self._emit(events.WaiterTimedOut(self._pod, key)))

    def hear(self, key: str) -> None:
        if self._is_cut_off or self.is_dead or self.is_deaf:
            return
        if late_s := self._draw_s() / 2:
            asyncio.get_running_loop().call_later(late_s, self._notifications.notify, key)
        else:
            self._notifications.notify(key)

    def hear_all(self) -> None:
        self.miss_announcements()
        self._notifications.notify_all()

    def miss_announcements(self) -> None:
        """Report a gap in the notifications: the pod was cut off or paused, or is back."""
        self._emit(events.NotificationsMissed(self._pod, self.is_dead or self.is_deaf))

    async def start(self) -> None:
        """Ask Redis for the time, where the pod has to; an unreachable Redis is no error."""
        if isinstance(self.clock, RedisClock):
            with suppress(CacheAway):
                await self.clock.sync()

    async def aclose(self) -> None:
        """Leave the server, and cancel the commands on their way."""
        self._server.leave(self)
        await self._tasks.aclose()

    def _draw_s(self) -> float:
        return (self._latency_s() if callable(self._latency_s) else self._latency_s) + self._extra_s

    # Each command as Redis executes it, and what it did there.

    def _observed_get(self, key: str) -> Entry | None:
        entry = self._server.get(key)
        self._emit(events.EntryRead(self._pod, key, entry))
        return entry

    def _store(self, key: str, entry: Entry, until_ms: int, token: str | None = None) -> bool:
        server = self._server
        stored = server.set(key, entry, until_ms) if token is None else server.put(key, entry, until_ms, token)
        kept_until_s = server.kept_until_s(key)
        self._emit(events.EntryStored(self._pod, key, entry, until_ms, token, stored, kept_until_s))
        return stored

    def _lock(self, key: str, token: str, lease_ms: int) -> bool:
        granted = self._server.lock(key, token, lease_ms)
        self._emit(events.LockAsked(self._pod, key, token, lease_ms, granted))
        return granted

    def _renew(self, key: str, token: str, lease_ms: int) -> bool:
        renewed = self._server.renew(key, token, lease_ms)
        self._emit(events.LockRenewed(self._pod, key, token, lease_ms, renewed))
        return renewed

    def _unlock(self, key: str, token: str) -> bool:
        released = self._server.unlock(key, token)
        self._emit(events.LockReleased(self._pod, key, token, released))
        return released

    async def _ask(self, name: str, command: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._is_direct and self._gate.is_open:
            answer = command(*arguments, **named)
        elif self._true_clock.now_s() < self._left_alone_until_s:
            raise CacheAway("the cache is left alone after a failure")
        else:
            try:
                answer = await self._send(name, lambda: command(*arguments, **named))
            except CacheAway:
                self._failed(name)
                raise
        if answer is False and name == "set":  # a refused put is counted by its flight
            self._failed(name)
        return answer

    async def _send(self, name: str, command: Callable[[], T]) -> T:
        if not self.is_introduced and name != "time":
            raise CacheAway("the cache has not told the time yet")
        patience = budget.current.get()
        if name == "lock" and patience is not None and patience.is_spent:
            raise CacheAway("no time is left for the cache")  # a request without time cannot use a lock
        # A command that is on its way has its effect, whether or not its caller stays for the answer.
        travel = self._tasks.spawn(self._travel(name, command), name)
        if patience is None:
            patience = budget.Budget(self._timeouts.timeout_s)
        elif patience.is_spent:
            raise CacheAway("no time is left for the cache")
        if not await patience.wait_for(travel, self._timeouts.timeout_s):
            self._left_alone_until_s = self._true_clock.now_s() + self._timeouts.pause_s
            raise CacheAway(f"no answer within {self._timeouts.timeout_s:g} s, or what the request has left of its own")
        if travel.cancelled():
            raise CacheAway("the pod ends")
        try:
            return travel.result()
        except Lost as lost:
            self._left_alone_until_s = self._true_clock.now_s() + self._timeouts.pause_s
            raise CacheAway(str(lost)) from lost
        except CommandRefused as refused:  # the cache is there, and says no
            raise _Refusal(f"{name}: {refused}") from refused

    async def _travel(self, name: str, command: Callable[[], T]) -> T:
        """Send a command and return its reply. Raises `Lost` and `CommandRefused`.

        As redis-py does, it sends a command again whose connection was lost, in the rest of its time.
        """
        give_up_s = self._true_clock.now_s() + self._timeouts.timeout_s
        retries_left = self._timeouts.retries
        while True:
            try:
                return await self._go_and_return(name, command)
            except Lost:
                retries_left -= 1
                if retries_left < 0 or self._true_clock.now_s() >= give_up_s:
                    raise

    async def _go_and_return(self, name: str, command: Callable[[], T]) -> T:
        await self._gate.passed()
        latency_s = self._draw_s()
        await _sleep(latency_s / 2)
        if self.is_dead:
            if self._dead_arrive:
                with suppress(CommandRefused, Lost):
                    await self._meet(name, command)
            await _sleep(min(self._timeouts.timeout_s, DEAD_S_MAX))
            raise Lost("the connection is dead")
        self._must_be_there()
        answer = await self._meet(name, command)
        await _sleep(latency_s / 2)
        await self._gate.passed()
        self._must_be_there()
        return answer

    async def _meet(self, name: str, command: Callable[[], T]) -> T:
        try:
            return await self._server.meet(name, command)
        except (Lost, CommandRefused) as error:
            self._emit(events.CommandBroken(self._pod, name, error))
            raise

    def _must_be_there(self) -> None:
        if self._server.is_away or self._is_cut_off:
            raise Lost("the cache is away")


@dataclass(frozen=True, slots=True)
class _ObservedWaiter:
    """A waiter that reports its time-outs. Implements `app.strategy.Notification`."""

    waiter: Waiter
    timed_out: Callable[[], None]

    async def wait(self, timeout_s: float) -> bool:
        notified = await self.waiter.wait(timeout_s)
        if not notified:
            self.timed_out()
        return notified


class _Refusal(CacheAway):
    """An error reply of Redis; commands other than writes treat it as an unreachable cache."""


async def _sleep(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)
