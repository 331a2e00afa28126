"""The service's own cache in virtual time, with what its metrics count and the events of its waiters."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from app.cache import RedisCache
from app.notifications import Notifications, Waiter
from app.settings import Settings
from app.standing import Standing
from app.strategy import Entry
from loadtest.figures.failures import Kind
from loadtest.sim.cluster import events

Emit = Callable[[object], None]


class WireEvents:
    """The counters of one pod's cache. Implements `app.cache.CacheEvents`."""

    def __init__(self, emit: Emit, pod: str, sent: Callable[[], None], failed: Callable[[str], None]) -> None:
        """Set up the counters: `sent` is called for each command, `failed` with the name of each that failed."""
        self._emit, self._pod, self._sent, self._failed = emit, pod, sent, failed
        self.standing: Standing | None = None

    def command_sent(self, command: str) -> None:
        self._sent()

    def command_failed(self, command: str) -> None:
        self._failed(command)
        if self.standing is not None and self.standing.is_away:
            self._emit(events.RedisLeftAlone(self._pod))

    def task_died(self, task: str) -> None:
        self._emit(events.FailureCounted(Kind.TASK, task))

    def batch_read(self, keys: int) -> None: ...

    def entry_corrupt(self) -> None:
        self._emit(events.FailureCounted(Kind.ENTRY, ""))

    def counts_dropped(self, accesses: int) -> None:
        self._emit(events.CountsDropped(self._pod, accesses))


class WireCache(RedisCache):
    """The service's own cache, whose waiters and writes are observed."""

    def __init__(
        self,
        settings: Settings,
        told: WireEvents,
        emit: Emit,
        monotonic_s: Callable[[], float],
        wall_s: Callable[[], float],
        hears: Callable[[], bool],
    ) -> None:
        """Set up the cache; `hears` tells whether what is published now reaches it, whatever it knows of that."""
        super().__init__(settings, told, monotonic_s, wall_s)
        self._hears = hears
        told.standing = self.standing
        self._emit, self._pod, self._monotonic_s = emit, settings.pod, monotonic_s
        self._listened_for = self._notifications.waiters

    async def get(self, key: str) -> Entry | None:
        entry = await super().get(key)
        if key in self._listened_for and self._is_listener(key):
            self._emit(events.ListenerLooked(self._pod, key))
        return entry

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        began_s = self._monotonic_s()
        try:
            return await super().put(key, entry, token)
        finally:
            if took_s := self._monotonic_s() - began_s:
                self._emit(events.WriteTook(self._pod, took_s))

    def notification(self, key: str) -> AbstractContextManager[Waiter]:
        return _ObservedWaiter(self._notifications, key, self._time_out)

    def _is_listener(self, key: str) -> bool:
        running = asyncio.current_task()
        return any(isinstance(waiter, _ObservedWaiter) and waiter.task is running for waiter in self._listened_for[key])

    def _time_out(self, key: str) -> None:
        if not self._hears():
            self._emit(events.NotificationsMissed(self._pod, True))
        self._emit(events.WaiterTimedOut(self._pod, key))

    def _hear_all(self) -> None:
        self._emit(events.NotificationsMissed(self._pod, not self._hears()))
        super()._hear_all()


class _ObservedWaiter(Waiter):
    """A waiter that reports its time-outs."""

    __slots__ = ("_timed_out", "task")

    def __init__(self, notifications: Notifications, key: str, timed_out: Callable[[str], None]) -> None:
        super().__init__(notifications, key)
        self._timed_out = timed_out
        self.task: asyncio.Task[Any] | None = asyncio.current_task()

    async def wait(self, timeout_s: float) -> bool:
        is_notified = await super().wait(timeout_s)
        if not is_notified:
            self._timed_out(self._key)
        return is_notified
