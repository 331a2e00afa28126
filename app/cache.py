"""Redis behind the `Cache` protocol: batched reads, writes, the token lock, the clock, notifications."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from app import budget, scripts
from app.cache_pace import CachePace
from app.clock import RedisClock
from app.codec import Corrupt, decode, encode
from app.commands import (
    Call,
    Pack,
    ServerRefused,
    Word,
    anything,
    fields,
    flag,
    lock,
    ok,
    packed,
    seconds,
    two_counts,
)
from app.counts import Addition, Counts
from app.hello import complaint_of
from app.local_tier import LocalTiers
from app.nets.refusals import LoadJustFailed
from app.notifications import Notifications, Waiter
from app.pipe import Pipe, PipeEvents
from app.prefix_settings import (
    SETTINGS_KEY,
    SETTINGS_MAX,
    PrefixSetting,
    PrefixSettings,
    check_setting,
    field_of,
    settings_in,
)
from app.reads import ReadBatcher
from app.redis_address import RedisAddress
from app.redis_client import CONNECTIONS_MAX, client_of
from app.scripts import Script
from app.settings import Settings
from app.sparing_log import SparingLog
from app.standing import Standing
from app.strategy import CacheAway, Entry
from app.subscription import CHANNEL, DELETIONS, SETTINGS, STORED, Subscription
from app.tasks import Tasks

log = logging.getLogger(__name__)
T = TypeVar("T")

CONNECTIONS = 1 + CONNECTIONS_MAX
"""Connections of a cache to Redis at most: the pipe's, and those of redis-py."""
SPENT = "the request has spent what time it has for the cache (cache_budget_ms)"


class CacheEvents(PipeEvents, Protocol):
    """The observer of the cache: its metrics in the service."""

    def batch_read(self, keys: int) -> None: ...

    def entry_corrupt(self) -> None: ...

    def counts_dropped(self, accesses: int) -> None:
        """So many accesses were not counted: too many keys were, or Redis is away."""
        ...


class RedisCache:
    """The cache in Redis; implements `app.strategy.Cache`. It is opened by `start()` and closed by `aclose()`."""

    def __init__(
        self,
        settings: Settings,
        events: CacheEvents,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """Set up the cache. Raises ValueError where redis-py does not take the URL.

        The two clocks, in seconds, are the machine's unless stated: durations by one, and the time until Redis tells
        its own by the other.
        """
        self._timeout_s = settings.redis_timeout_ms / 1000
        self._events, self._sparing = events, SparingLog(log)
        self._stale_s, self._mark_s = settings.nets.stale_if_error_s, settings.nets.failure_mark_ms / 1000
        self.standing = Standing(settings.redis_pause_ms / 1000, monotonic_s)
        self._pipe = Pipe(
            RedisAddress(settings.redis_url),
            self.standing,
            events,
            self._timeout_s,
            settings.redis_retries,
            monotonic_s,
        )
        self._now_s, self._was_late = self._pipe.time.now_s, self._pipe.time.was_late
        self._reads = ReadBatcher(
            self._pipe,
            settings.read_batch_max,
            settings.read_batches_in_flight_max,
            settings.reads_waiting_max,
            events.batch_read,
        )
        self._tasks = Tasks(events.task_died)
        self._notifications = Notifications()
        self.local_tiers = LocalTiers()
        """The local tiers of the pod; those that rely on messages are opened before `start()`."""
        self._redis = client_of(settings)
        self.clock = clock = RedisClock(self._time_s, monotonic_s, wall_s)
        pace = CachePace.of(settings)
        self._counts = Counts(self, clock.now_s, self._tasks, pace, events.counts_dropped)
        self._settings = PrefixSettings(
            self._look_settings_up, clock.now_s, clock.monotonic_s, self._tasks, pace.settings_poll_s
        )
        hear: dict[str, Callable[[str], None]] = {
            CHANNEL: self._notifications.notify,
            DELETIONS: self._hear_deleted,
            SETTINGS: lambda _: self._settings.changed(),
            STORED: self.local_tiers.hear,
        }
        self._subscription = Subscription(self._redis, hear, self._hear_all, self._timeout_s, self.local_tiers)

    async def start(self) -> None:
        """Subscribe to notifications and synchronize the clock. A Redis that is away is no error: it may come back."""
        try:
            await self.clock.sync()
        except CacheAway as away:
            self.standing.introduced(False)  # until then the clock may say anything
            log.warning("starting without Redis: %s", away)
        self._tasks.keep(self.clock.keep_in_sync, "clock")
        self._tasks.keep(self._subscription.listen, "notifications")

    async def aclose(self) -> None:
        self._counts.close()
        await self._tasks.aclose()
        await self._pipe.aclose()
        await self._redis.aclose()

    async def get(self, key: str) -> Entry | None:
        standing = self.standing
        if not standing.is_open:
            standing.check()
        stored = await self._stored(key)
        if stored is None:
            return None
        try:
            entry = decode(stored)
        except Corrupt as why:
            self._events.entry_corrupt()
            self._sparing.warning("corrupt entry", "%s holds no entry: %s", key, why)
            return None
        now_s = self.clock.now_s()
        if entry.is_servable(now_s):
            return entry
        if not entry.is_servable_on_error(now_s, self._stale_s):
            self.clock.doubt()  # Redis had it still, or it is from the future: one of two clocks was set
        return None

    async def last_known(self, key: str) -> Entry | None:
        """Implements `app.nets.seam.NetCache.last_known`."""
        self.standing.check()
        stored = await self._stored(key)
        try:
            entry = None if stored is None else decode(stored)
        except Corrupt:
            return None  # told and counted by the look before
        return entry if entry is not None and entry.is_servable_on_error(self.clock.now_s(), self._stale_s) else None

    async def _stored(self, key: str) -> bytes | None:
        """The stored bytes of a key, or None, within the budget of the request. Raises `CacheAway`."""
        patience, began_s = budget.current.get(), self._now_s()
        if patience is None:
            return await self._reads.read(key, began_s + self._timeout_s)
        if patience.is_spent:
            raise CacheAway(SPENT)
        try:
            stored = await self._reads.read(key, began_s + min(self._timeout_s, patience.left_s))
        except CacheAway:
            patience.left_s -= self._now_s() - began_s
            raise
        patience.take(self._now_s() - began_s, self._was_late(began_s))
        return stored

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        stored, until_ms = encode(entry), max(1, math.ceil((entry.keep_until_s + self._stale_s) * 1000))
        told = self.local_tiers.announcement(key, entry)
        try:
            if token is not None:
                keys, further = (_lock_of(key), key), (STORED, told) if told else ()
                return await self._run("put", scripts.PUT, keys, token, CHANNEL, stored, until_ms, *further)
            if told:
                return await self._run("set", scripts.SET, (key,), stored, until_ms, STORED, told)
            return await self._ask("set", packed("SET", key, stored, "PXAT", until_ms), ok)
        except ServerRefused as refused:
            self._sparing.warning("refused write", "Redis refused to store %s: %s", key, refused)
            return False
        finally:
            self.local_tiers.written(key, entry)

    async def delete(self, key: str) -> bool:
        words = (_lock_of(key), key), (DELETIONS,)
        try:
            return await self._ask("delete", scripts.DELETE.named(*words), flag, scripts.DELETE.in_full(*words))
        finally:
            self.local_tiers.written(key, None)

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        if (patience := budget.current.get()) is not None and patience.is_spent:
            raise CacheAway(SPENT)  # a lock whose request has gone on would only block others
        words = (_lock_of(key),), (token, _milliseconds(lease_s), math.ceil(self._mark_s * 1000))
        ask = scripts.LOCK.named(*words), lock, scripts.LOCK.in_full(*words)
        reply = await self._ask("lock", *ask, is_for_caller=True)
        if reply < 0:
            raise LoadJustFailed(-reply / 1000)
        return reply == 1

    async def mark(self, key: str, token: str, for_s: float) -> bool:
        """Implements `app.nets.seam.NetCache.mark`."""
        return await self._run("mark", scripts.MARK, (_lock_of(key), key), token, CHANNEL, _milliseconds(for_s))

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        return await self._run("renew", scripts.RENEW, (_lock_of(key),), token, _milliseconds(lease_s))

    async def unlock(self, key: str, token: str) -> bool:
        return await self._run("unlock", scripts.UNLOCK, (_lock_of(key), key), token, CHANNEL)

    @property
    def reads_under_way(self) -> int:
        """Reads that wait to be sent, and batches that wait for their reply."""
        return len(self._reads)

    def count(self, key: str, window_s: float) -> None:
        self._counts.count(key, window_s)

    async def counted(self, key: str, window_s: float) -> float:
        return await self._counts.counted(key, window_s)

    async def add_counts(self, additions: Sequence[Addition]) -> None:
        """Implements `app.counts.Counters.add_counts`."""
        values = [number for addition in additions for number in (addition.by, addition.keep_ms)]
        await self._run("count", scripts.COUNT, [addition.name for addition in additions], *values)

    async def read_counts(self, before: str, current: str) -> tuple[int, int]:
        """Implements `app.counts.Counters.read_counts`."""
        return await self._ask("counted", packed("MGET", before, current), two_counts)

    def setting(self, key: str, name: str) -> float | None:
        return self._settings.get(key, name)

    async def set_setting(self, prefix: str, name: str, value: float, for_s: float) -> bool:
        check_setting(prefix, name, value, for_s)
        words = field_of(prefix, name), repr(float(value)), _milliseconds(for_s), SETTINGS_MAX, SETTINGS
        return await self._run("set_setting", scripts.SET_SETTING, (SETTINGS_KEY,), *words)

    async def _look_settings_up(self) -> list[PrefixSetting]:
        return settings_in(await self._ask("settings", packed("HGETALL", SETTINGS_KEY), fields))

    def _hear_deleted(self, key: str) -> None:
        self._notifications.notify_deleted(key)
        self.local_tiers.hear(key)

    def _hear_all(self) -> None:
        self._notifications.notify_all()
        self._settings.changed()

    def notification(self, key: str) -> AbstractContextManager[Waiter]:
        return self._notifications.waiter(key)

    async def _time_s(self) -> float:
        """Redis's time, seconds since the epoch. A Redis that may have been replaced is asked HELLO first."""
        if self.standing.must_be_met:
            await self._meet()
        told_s = await self._ask("time", packed("TIME"), seconds, is_meeting=True)
        self.standing.introduced()
        return told_s

    async def _meet(self) -> None:
        try:
            complaint = complaint_of(await self._ask("hello", packed("HELLO"), anything, is_meeting=True))
        except ServerRefused as refused:
            complaint = f"this Redis does not say what it is: {refused}"
        self.standing.met(complaint)
        if complaint is not None:
            self._pipe.hang_up(complaint)  # a connection made under a password stays barred when that is taken away
            raise CacheAway(complaint)

    async def _run(self, name: str, script: Script, keys: Sequence[str], *values: Word) -> bool:
        return await self._ask(name, script.named(keys, values), flag, script.in_full(keys, values))

    async def _ask(
        self,
        name: str,
        pack: Pack,
        read: Callable[[object], T],
        pack_without_script: Pack | None = None,
        is_meeting: bool = False,
        is_for_caller: bool = False,
    ) -> T:
        """Send a command and wait for its reply, within the budget of the request. Raises `CacheAway`.

        The command goes on when its caller is cancelled or out of time; with `is_for_caller` it must have been sent by
        then. It is not sent while Redis is left alone.
        """
        standing = self.standing
        if not standing.is_open:
            standing.check(is_meeting)
        patience, began_s = budget.current.get(), self._now_s()
        until_s = began_s + (self._timeout_s if patience is None else min(self._timeout_s, patience.left_s))
        call = Call(name, pack, read, until_s, pack_without_script, is_for_caller)
        if patience is None:
            self._pipe.send(call)
            return await call.reply
        if patience.is_spent:
            call.reply.cancel()
            self._pipe.send(call)
            raise CacheAway(SPENT)
        self._pipe.send(call)
        try:
            reply = await call.reply
        except CacheAway:
            patience.left_s -= self._now_s() - began_s
            raise
        patience.take(self._now_s() - began_s, self._was_late(began_s))
        return reply


def _lock_of(key: str) -> str:
    return f"{key}:lock"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
