"""Redis behind the `Cache` protocol: a bounded pool, batched reads, the token lock, notifications."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from redis import exceptions as redis_exceptions
from redis.exceptions import InvalidResponse

from app import budget, scripts
from app.clock import RedisClock
from app.codec import Corrupt, decode, encode
from app.hello import complaint_of
from app.notifications import Notifications, Waiter
from app.reads import ReadBatcher
from app.redis_client import client_of
from app.redis_errors import ServerRefused, translated
from app.settings import Settings
from app.standing import Standing
from app.strategy import CacheAway, Entry
from app.subscription import CHANNEL, Subscription
from app.tasks import Tasks

log = logging.getLogger(__name__)
T = TypeVar("T")
Command = Callable[[], Awaitable[T]]

SPENT = "the request has spent what time it has for the cache (cache_budget_ms)"


class CacheEvents(Protocol):
    """The observer of the cache: its metrics in the service."""

    def command_sent(self, command: str) -> None: ...

    def command_failed(self, command: str) -> None: ...

    def batch_read(self, keys: int) -> None: ...

    def entry_corrupt(self) -> None: ...

    def task_died(self, task: str) -> None: ...


class RedisCache:
    """The cache in Redis; implements `app.strategy.Cache`. It is opened by `start()` and closed by `aclose()`."""

    def __init__(self, settings: Settings, events: CacheEvents) -> None:
        self._timeout_s = settings.redis_timeout_ms / 1000
        self._redis = client_of(settings)
        self.standing = Standing(settings.redis_pause_ms / 1000)
        self._events = events
        self._tasks = Tasks(events.task_died)
        self._notifications = Notifications()
        self._subscription = Subscription(self._redis, self._notifications, self._timeout_s)
        self._lock, self._put, self._unlock, self._renew = map(
            self._redis.register_script, (scripts.LOCK, scripts.PUT, scripts.UNLOCK, scripts.RENEW)
        )
        self._reads = ReadBatcher(
            self._mget,
            self._tasks,
            settings.read_batch_max,
            settings.read_batches_in_flight_max,
            settings.reads_waiting_max,
            settings.cache_budget_ms / 1000,
            lambda: self._is_late("mget"),
        )
        self.clock = RedisClock(self._time_s)

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
        await self._tasks.aclose()
        await self._redis.aclose()

    async def get(self, key: str) -> Entry | None:
        standing = self.standing
        if not standing.is_open:
            standing.check()
        stored = await self._read(self._reads.read(key))
        if stored is None:
            return None
        try:
            entry = decode(stored)
        except Corrupt as why:
            self._events.entry_corrupt()
            log.warning("%s holds no entry: %s", key, why)
            return None
        now_s = self.clock.now_s()
        if entry.is_servable(now_s):
            return entry
        self.clock.doubt()  # Redis had it still, or it is from the future: one of two clocks was set
        return None

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        stored, until_ms = encode(entry), max(1, math.ceil(entry.keep_until_s * 1000))
        try:
            if token is None:
                return bool(await self._call("set", lambda: self._redis.set(key, stored, pxat=until_ms)))
            values: list[str | bytes | int] = [token, CHANNEL, stored, until_ms]
            return await self._call("put", lambda: _flag(self._put(keys=[_lock_of(key), key], args=values)))
        except ServerRefused as refused:
            log.warning("Redis refused to store %s: %s", key, refused)
            return False

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        values: list[str | int] = [token, _milliseconds(lease_s)]
        if (patience := budget.current.get()) is not None and patience.is_spent:
            raise CacheAway(SPENT)  # a lock whose request has gone on would only block others
        return await self._call("lock", lambda: _flag(self._lock(keys=[_lock_of(key)], args=values)))

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        values: list[str | int] = [token, _milliseconds(lease_s)]
        return await self._call("renew", lambda: _flag(self._renew(keys=[_lock_of(key)], args=values)))

    async def unlock(self, key: str, token: str) -> bool:
        names = [_lock_of(key), key]
        return await self._call("unlock", lambda: _flag(self._unlock(keys=names, args=[token, CHANNEL])))

    def notification(self, key: str) -> AbstractContextManager[Waiter]:
        return self._notifications.waiter(key)

    async def _mget(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        self._events.batch_read(len(keys))

        async def values() -> Sequence[bytes | None]:
            found: Any = await self._redis.mget(keys)
            if not isinstance(found, list) or len(found) != len(keys):
                raise InvalidResponse(f"{len(keys)} keys, and the reply is {type(found).__name__}")
            return found

        return await self._attempt("mget", values)

    async def _time_s(self) -> float:
        """Redis's time, seconds since the epoch. A Redis that may have been replaced is asked HELLO first."""
        if self.standing.must_be_met:
            await self._meet()

        async def seconds() -> float:
            whole, micro = await self._redis.time()
            return float(whole) + float(micro) / 1e6

        told_s = await self._attempt("time", seconds, is_meeting=True)
        self.standing.introduced()
        return told_s

    async def _meet(self) -> None:
        try:
            complaint = complaint_of(await self._attempt("hello", self._hello, is_meeting=True))
        except ServerRefused as refused:
            complaint = f"this Redis does not say what it is: {refused}"
        self.standing.met(complaint)
        if complaint is not None:
            raise CacheAway(complaint)

    async def _hello(self) -> object:
        return await self._redis.execute_command("HELLO")  # type: ignore[no-untyped-call]

    async def _read(self, reader: asyncio.Future[bytes | None]) -> bytes | None:
        """The stored bytes for a reader, within the budget of its request. Raises `CacheAway`."""
        patience = budget.current.get()
        if patience is None:
            return await reader
        if patience.is_whole:  # as long as the patience of the reads themselves, so that no timer is needed here
            running = asyncio.get_running_loop()
            began_s = running.time()
            try:
                return await reader
            finally:
                patience.left_s -= running.time() - began_s
        try:
            if await patience.wait_for(reader):
                return reader.result()
        finally:
            reader.cancel()
        self._is_late("mget")
        raise CacheAway(SPENT)

    async def _call(self, name: str, command: Command[T]) -> T:
        """Run the command in a task of its own, which outlives a caller that is cancelled or out of budget."""
        work = self._tasks.spawn(self._attempt(name, command), name)
        patience = budget.current.get()
        if patience is None:
            await asyncio.wait({work})
        elif patience.is_spent:
            raise CacheAway(SPENT)
        elif not await patience.wait_for(work):
            self._is_late(name)
            raise CacheAway(SPENT)
        if work.cancelled():
            raise CacheAway("the cache is being closed")
        return work.result()

    def _is_late(self, name: str) -> None:
        """Count a command whose caller went on without the answer; whether Redis is away is judged by its time-out."""
        self._events.command_failed(name)

    async def _attempt(self, name: str, command: Command[T], is_meeting: bool = False) -> T:
        """Send a command: counted, bounded, its errors translated. Raises `CacheAway`.

        Every command goes through here. Shortly after Redis failed to answer, it is not even tried.
        """
        standing = self.standing
        if not standing.is_open:
            standing.check(is_meeting)
        sent_s = standing.sending()
        self._events.command_sent(name)
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await command()
        except Exception as error:
            failure = translated(name, error)
            self._events.command_failed(name)
            if isinstance(failure, ServerRefused):
                standing.refused(sent_s)
            elif isinstance(error, TimeoutError | redis_exceptions.TimeoutError):
                standing.timed_out(sent_s)
            else:
                standing.lost()
            raise failure from error
        standing.answered(sent_s)
        return reply


async def _flag(reply: Awaitable[object]) -> bool:
    """The reply of one of the lab's scripts, 0 or 1, as a bool. Raises InvalidResponse for any other."""
    said = await reply
    if said not in (0, 1):
        raise InvalidResponse(f"0 or 1 was to be answered, not {said!r}")
    return said == 1


def _lock_of(key: str) -> str:
    return f"{key}:lock"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
