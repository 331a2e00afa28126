"""A pod's connection to the simulated Redis, as `app.cache` is to a real one.

Both do the same to the millisecond that Redis counts in; one contract suite runs against both.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from app.cache_pace import CachePace
from app.clock import RedisClock
from app.counts import Addition, Counts
from app.local_tier import LocalTiers
from app.nets.nets import Nets
from app.nets.refusals import LoadJustFailed
from app.notifications import Notifications, Waiter
from app.prefix_settings import PrefixSetting, PrefixSettings, check_setting
from app.strategy import CacheAway, Clock, Entry, Notification
from loadtest.sim.cluster import events
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_cpu import PodCpu, outside
from loadtest.sim.cluster.redis_link import PATIENT, ClientTimeouts, RedisLink, Refusal
from loadtest.sim.cluster.redis_server import SimulatedRedis, milliseconds

T = TypeVar("T")
P = ParamSpec("P")


class SimulatedCache:
    """One pod's `app.strategy.Cache`, and its own way to Redis: implements `loadtest.sim.cluster.depth.RedisWay`."""

    def __init__(
        self,
        server: SimulatedRedis,
        clock: Clock,
        latency_s: float | Callable[[], float] = 0.0,
        timeouts: ClientTimeouts = PATIENT,
        gate: PauseGate | None = None,
        pod: str = "",
        failed: Callable[[str], None] = lambda command: None,
        cpu: PodCpu | None = None,
        nets: Nets = Nets(),  # noqa: B008 - it is frozen
        pace: CachePace = CachePace(),  # noqa: B008 - it is frozen
    ) -> None:
        """Set up the cache; `failed` is called with each command that the pod's metrics would count as failed.

        `pace` is that of counts and settings. With a `cpu` replies and notifications are noticed when that is free.
        """
        self._server, self._pod, self._failed = server, pod, failed
        self._stale_s, self._mark_s = nets.stale_if_error_s, nets.failure_mark_ms / 1000
        self._emit = server.observers.emit
        self._get = self._observed_get if server.observers.hear(events.EntryRead) else server.get
        self._true_clock = clock
        self.clock: Clock | RedisClock = clock
        """The clock that the pod goes by, which may be wrong: entries carry its times."""
        self._gate, self._cpu = gate or PauseGate(), cpu
        self._link = RedisLink(server, clock, latency_s, timeouts, self._gate, pod, cpu)
        self._notifications = Notifications()
        self._listened_for = self._notifications.waiters
        self.local_tiers = LocalTiers(lambda: server.follow(self))
        tasks = self._link.tasks
        self._counts = Counts(self, self._now_s, tasks, pace, self._drop_counts)
        self._settings = PrefixSettings(
            self._look_settings_up, self._now_s, clock.monotonic_s, tasks, pace.settings_poll_s
        )
        self._is_introduced = True
        self.is_deaf = self._is_near = self._is_direct = False
        server.join(self)
        self.find_server()

    @property
    def is_cut_off(self) -> bool:
        """Whether this pod alone has no connection to Redis; see the server's `is_away`."""
        return self._link.is_cut_off

    @is_cut_off.setter
    def is_cut_off(self, is_cut_off: bool) -> None:
        has_come_back = self._link.is_cut_off and not is_cut_off
        self._link.is_cut_off = is_cut_off
        self.find_server()
        self.miss_announcements()
        if has_come_back:
            self.hear_all()

    @property
    def cache(self) -> Self:
        """Implements `RedisWay.cache`: the way and the cache are one thing here."""
        return self

    @property
    def code(self) -> None:
        """Implements `RedisWay.code`: commands state their pod."""

    def slice(self, size_bytes: int, apart_s: float) -> None:
        """Refuse it: a reply arrives as a whole here, and scenarios with such a fault are turned away before."""
        raise NotImplementedError("replies in pieces are a fault of the wire")

    def read_slowly(self, bytes_per_s: float) -> None:
        """Refuse it, as `slice`."""
        raise NotImplementedError("to be read slowly is a fault of the wire")

    def lose_connections(self, resets: bool) -> None:
        """Refuse it, as pieces of replies: nothing here is a connection with two ends."""
        raise NotImplementedError("connections that one end alone has lost are a fault of the wire")

    def left(self) -> list[str]:
        """Implements `RedisWay.left`: a simulated cache has no connections, and its commands are tasks."""
        return []

    def cut_off(self) -> None:
        self.is_cut_off = True

    def stand_still(self) -> None:
        self.miss_announcements()

    def move_on(self) -> None:
        self.hear_all()

    @property
    def is_direct(self) -> bool:
        """Whether commands take no time and cannot fail at the moment."""
        return self._is_direct

    def introduce(self, is_introduced: bool) -> None:
        """Note whether the pod knows Redis's time; before, it uses nothing of Redis."""
        self._is_introduced = is_introduced
        self._link.standing.introduced(is_introduced)
        self.find_server()

    def slow_down(self, extra_s: float) -> None:
        """Slow every command down by `extra_s`; 0 ends it."""
        self._link.extra_s = extra_s
        self.find_server()

    def die(self, is_dead: bool, arrive: bool = False) -> None:
        """Kill or revive the connection: replies are lost without an error; with `arrive` commands take effect."""
        was_dead, self._link.is_dead, self._link.dead_arrive = self._link.is_dead, is_dead, arrive
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
        # a notification that is on its way, or waits for the CPU, may wake a waiter that begins meanwhile
        self._server.place(self, is_far=self._link.is_far or self._cpu is not None)
        self._is_near = self._is_introduced and self._link.is_near
        was_direct, self._is_direct = self._is_direct, self._is_near and self._cpu is None
        if was_direct != self._is_direct:
            self._emit(events.CommandsChanged(self._pod, self._is_direct))

    async def get(self, key: str) -> Entry | None:
        if self._is_direct and self._gate.is_open:
            entry = self._get(key)
        else:
            entry = await self._ask("get", self._get, key)
        if key in self._listened_for and self._is_listener(key):
            self._emit(events.ListenerLooked(self._pod, key))
        if entry is None or entry.is_servable(now_s := self.clock.now_s()):
            return entry
        if isinstance(self.clock, RedisClock) and not entry.is_servable_on_error(now_s, self._stale_s):
            self.clock.doubt()
        return None

    async def last_known(self, key: str) -> Entry | None:
        entry = await self._ask("get", self._get, key)
        return entry if entry is not None and entry.is_servable_on_error(self.clock.now_s(), self._stale_s) else None

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        try:
            return await self._put(key, entry, token)
        finally:
            self.local_tiers.written(key, entry)

    async def _put(self, key: str, entry: Entry, token: str | None) -> bool:
        until_ms = math.ceil((entry.keep_until_s + self._stale_s) * 1000)
        if self._is_direct and self._gate.is_open:
            stored = self._store(key, entry, until_ms, token)
            if token is None and not stored:  # a refused put is counted by its flight
                self._failed("set")
            return stored
        began_s = self._true_clock.now_s()
        try:
            return await self._ask("set" if token is None else "put", self._store, key, entry, until_ms, token)
        except Refusal:
            return False
        finally:
            if took_s := self._true_clock.now_s() - began_s:
                self._emit(events.WriteTook(self._pod, took_s))

    async def delete(self, key: str) -> bool:
        try:
            return await self._ask("delete", self._delete, key)
        finally:
            self.local_tiers.written(key, None)

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        granted = await self._ask("lock", self._lock, key, token, milliseconds(lease_s))
        if isinstance(granted, float):
            raise LoadJustFailed(granted)
        return granted

    async def mark(self, key: str, token: str, for_s: float) -> bool:
        return await self._ask("mark", self._mark, key, token, milliseconds(for_s))

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        return await self._ask("renew", self._renew, key, token, milliseconds(lease_s))

    async def unlock(self, key: str, token: str) -> bool:
        return await self._ask("unlock", self._unlock, key, token)

    def count(self, key: str, window_s: float) -> None:
        self._counts.count(key, window_s)

    async def counted(self, key: str, window_s: float) -> float:
        return await self._counts.counted(key, window_s)

    async def add_counts(self, additions: Sequence[Addition]) -> None:
        await self._ask("count", self._server.numbers.add_counts, additions)

    async def read_counts(self, before: str, current: str) -> tuple[int, int]:
        return await self._ask("counted", self._server.numbers.read_counts, before, current)

    def setting(self, key: str, name: str) -> float | None:
        return self._settings.get(key, name)

    async def set_setting(self, prefix: str, name: str, value: float, for_s: float) -> bool:
        check_setting(prefix, name, value, for_s)
        return await self._ask("set_setting", self._server.set_setting, prefix, name, value, milliseconds(for_s))

    async def _look_settings_up(self) -> list[PrefixSetting]:
        return await self._ask("settings", self._server.numbers.settings)

    def _now_s(self) -> float:
        return self.clock.now_s()

    def _drop_counts(self, accesses: int) -> None:
        self._emit(events.CountsDropped(self._pod, accesses))

    async def time_s(self) -> float:
        """The time by the server's clock."""
        return await self._ask("time", self._server.time_s)

    def notification(self, key: str) -> AbstractContextManager[Notification]:
        return _ObservedWaiter(self._notifications, key, self, self._server, self._time_out)

    def _is_listener(self, key: str) -> bool:
        """Whether the task that runs listens for the key: what others see, it does not know of."""
        running = asyncio.current_task()
        return any(isinstance(waiter, _ObservedWaiter) and waiter.task is running for waiter in self._listened_for[key])

    def _time_out(self, key: str) -> None:
        self._emit(events.WaiterTimedOut(self._pod, key))

    def hear(self, key: str, was_deleted: bool) -> None:
        self._hear(partial(self._notifications.notify_deleted if was_deleted else self._notifications.notify, key))

    def hear_settings(self) -> None:
        self._hear(self._settings.changed)

    def hear_announced(self, message: str) -> None:
        if self.local_tiers.are_announced:
            self._hear(partial(self.local_tiers.hear, message))

    def hear_changed(self, key: str | None) -> None:
        tiers = self.local_tiers
        if tiers.tracked:
            self._hear(tiers.hear_flushed if key is None else partial(tiers.hear_changed, key))

    def _hear(self, notify: Callable[[], None]) -> None:
        if self._link.is_cut_off or self._link.is_dead or self.is_deaf:
            return
        if late_s := self._link.draw_s() / 2:
            outside(asyncio.get_running_loop().call_later, late_s, self._notice, notify)
        else:
            self._notice(notify)

    def hear_all(self) -> None:
        self.miss_announcements()
        self._notice(self._wake_all)

    def _wake_all(self) -> None:
        self._notifications.notify_all()
        self._settings.changed()
        self.local_tiers.miss_messages()

    def miss_announcements(self) -> None:
        """Report a gap in the notifications: the pod was cut off or paused, or is back."""
        self._emit(events.NotificationsMissed(self._pod, self._link.is_dead or self.is_deaf))

    def _notice(self, callback: Callable[[], object]) -> None:
        """Call back once the pod's loop has noticed what has just arrived."""
        if self._cpu is None:
            callback()
        else:
            self._cpu.call_noticed(callback)

    async def start(self) -> None:
        """Ask Redis for the time, where the pod has to; an unreachable Redis is no error."""
        if isinstance(self.clock, RedisClock):
            with suppress(CacheAway):
                await self.clock.sync()

    async def aclose(self) -> None:
        """Leave the server, and cancel the commands on their way."""
        self._server.leave(self)
        self._counts.close()
        await self._link.tasks.aclose()

    # Each command as Redis executes it, and what it did there.

    def _observed_get(self, key: str) -> Entry | None:
        entry = self._server.get(key)
        self._emit(events.EntryRead(self._pod, key, entry))
        return entry

    def _store(self, key: str, entry: Entry, until_ms: int, token: str | None = None) -> bool:
        server = self._server
        stored = server.set(key, entry, until_ms) if token is None else server.put(key, entry, until_ms, token)
        if stored and (told := self.local_tiers.announcement(key, entry)):
            server.announce(told)
        kept_until_s = server.kept_until_s(key)
        self._emit(events.EntryStored(self._pod, key, entry, until_ms, token, stored, kept_until_s))
        return stored

    def _delete(self, key: str) -> bool:
        was_there = self._server.delete(key)
        self._emit(events.EntryDeleted(self._pod, key, was_there))
        return was_there

    def _lock(self, key: str, token: str, lease_ms: int) -> bool | float:
        """Whether the lock was granted, or the seconds that the mark of a failed load has to go."""
        if rest_s := self._server.mark_rest_s(key, self._mark_s):
            self._emit(events.MarkRead(self._pod, key, rest_s))
            return rest_s
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

    def _mark(self, key: str, token: str, for_ms: int) -> bool:
        marked = self._server.mark(key, token, for_ms)
        self._emit(events.LockReleased(self._pod, key, token, marked))
        if marked:
            self._emit(events.KeyMarked(self._pod, key, for_ms))
        return marked

    async def _ask(self, name: str, command: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._is_near and self._gate.is_open and (self._cpu is None or self._cpu.is_free):
            answer = command(*arguments, **named)
        else:
            self._link.standing.check(is_meeting=name == "time")
            try:
                answer = await self._link.send(name, lambda: command(*arguments, **named))
            except CacheAway:
                self._failed(name)
                raise
        if answer is False and name == "set":  # a refused put is counted by its flight
            self._failed(name)
        return answer


class _ObservedWaiter(Waiter):
    """A waiter that the server knows of, and that reports its time-outs. Implements `app.strategy.Notification`."""

    __slots__ = ("_listener", "_server", "_timed_out", "task")

    def __init__(
        self,
        notifications: Notifications,
        key: str,
        listener: SimulatedCache,
        server: SimulatedRedis,
        timed_out: Callable[[str], None],
    ) -> None:
        super().__init__(notifications, key)
        self._listener, self._server, self._timed_out = listener, server, timed_out

    def __enter__(self) -> Self:
        self.task = asyncio.current_task()
        self._server.waiter_began(self._listener, self._key)
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.waiter_ended(self._listener, self._key)
        super().__exit__(kind, error, trace)

    async def wait(self, timeout_s: float) -> bool:
        is_notified = await super().wait(timeout_s)
        if not is_notified:
            self._timed_out(self._key)
        return is_notified
