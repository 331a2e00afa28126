"""Redis behind the `Cache` protocol: a bounded pool, batched reads, the token lock, wake-ups."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError, ResponseError

from app.clock import RedisClock
from app.codec import Corrupt, decode, encode
from app.landings import Landings, Waiter
from app.reads import ReadBatcher
from app.settings import Settings
from app.strategy import CacheAway, Entry
from app.tasks import Tasks

log = logging.getLogger(__name__)
T = TypeVar("T")
Command = Callable[[], Awaitable[T]]

CHANNEL = "lab:landings"
SUBSCRIBE_AGAIN_S = 0.25

# All three compare the token first, so that only its holder can store, renew or release.
# KEYS: lock, entry. ARGV: token, channel, and what the name says.
_PUT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], KEYS[2])
return 1
"""
_UNLOCK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], KEYS[2])
return 1
"""
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


class CacheEvents(Protocol):
    """What the cache reports to the metrics."""

    def command_sent(self, command: str) -> None: ...

    def command_failed(self, command: str) -> None: ...

    def batch_read(self, keys: int) -> None: ...

    def entry_corrupt(self) -> None: ...


class RedisCache:
    """Implements `app.strategy.Cache`. `start()` before use, `aclose()` after."""

    def __init__(self, settings: Settings, events: CacheEvents) -> None:
        timeout_s = settings.redis_timeout_ms / 1000
        self._redis: Redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                settings.redis_url,
                max_connections=settings.redis_connections,
                timeout=timeout_s,  # for a free connection: wait, then say so
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                # Only a connection found closed is tried again: a time-out must not be paid twice.
                retry=Retry(NoBackoff(), settings.redis_retries, supported_errors=(ConnectionError,)),
            )
        )
        self._pause_s = settings.redis_pause_ms / 1000
        self.is_away = False
        """Whether Redis failed to answer the last command."""
        self._try_again_s = 0.0
        self._events = events
        self._tasks = Tasks()
        self._landings = Landings()
        self._put = self._redis.register_script(_PUT)
        self._unlock = self._redis.register_script(_UNLOCK)
        self._renew = self._redis.register_script(_RENEW)
        self._reads = ReadBatcher(
            self._mget,
            self._tasks,
            settings.read_batch_max,
            settings.read_batches_in_flight_max,
            settings.reads_waiting_max,
        )
        self.clock = RedisClock(self._time_s)

    async def start(self) -> None:
        """Begin to listen and to keep the clock. A Redis that is away is no error: it may come back."""
        try:
            await self.clock.sync()
        except CacheAway as away:
            log.warning("starting without Redis: %s", away)
        self._tasks.spawn(self.clock.keep_in_sync(), "clock")
        self._tasks.spawn(self._listen(), "landings")

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await self._redis.aclose()

    async def get(self, key: str) -> Entry | None:
        stored = await self._reads.read(key)
        if stored is None:
            return None
        try:
            return decode(stored)
        except Corrupt as why:
            self._events.entry_corrupt()
            log.warning("%s holds no entry: %s", key, why)
            return None

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        stored = encode(entry)
        # no longer than from the read on, even if the clock was set right (and back) since then
        keep_s = entry.keep_until_s - max(self.clock.now_s(), entry.read_at_s)
        keep_ms = max(1, math.ceil(keep_s * 1000))
        try:
            if token is None:
                return bool(await self._call("set", lambda: self._redis.set(key, stored, px=keep_ms)))
            names: list[str] = [_lock_of(key), key]
            values: list[str | bytes | int] = [token, CHANNEL, stored, keep_ms]
            return bool(await self._call("put", lambda: self._put(keys=names, args=values)))
        except ResponseError as refused:
            log.warning("Redis refused to store %s: %s", key, refused)
            return False

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        lease_ms = _milliseconds(lease_s)
        try:
            # GET beside NX answers with the holder: a command that was sent twice finds its own token
            holder = await self._call(
                "lock", lambda: self._redis.set(_lock_of(key), token, nx=True, px=lease_ms, get=True)
            )
        except ResponseError as refused:  # full, and evicting nothing: then nobody can hold the lock
            raise CacheAway(f"Redis refused the lock: {refused}") from refused
        return holder is None or holder == token.encode()

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        values: list[str | int] = [token, _milliseconds(lease_s)]
        return bool(await self._call("renew", lambda: self._renew(keys=[_lock_of(key)], args=values)))

    async def unlock(self, key: str, token: str) -> bool:
        names = [_lock_of(key), key]
        return bool(await self._call("unlock", lambda: self._unlock(keys=names, args=[token, CHANNEL])))

    def landing(self, key: str) -> AbstractContextManager[Waiter]:
        return self._landings.waiter(key)

    async def _mget(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        self._events.batch_read(len(keys))
        values = await self._attempt("mget", lambda: self._redis.mget(keys))
        return cast(Sequence[bytes | None], values)  # the pool does not decode

    async def _time_s(self) -> float:
        seconds, microseconds = await self._call("time", self._redis.time)
        return float(seconds) + float(microseconds) / 1e6

    async def _call(self, name: str, command: Command[T]) -> T:
        """The command in a task of its own, which outlives a caller that goes away: no reply is left on the wire."""
        return await asyncio.shield(self._tasks.spawn(self._attempt(name, command), name))

    async def _attempt(self, name: str, command: Command[T]) -> T:
        """Every command goes through here: counted, and not even tried shortly after Redis failed to answer."""
        if self.is_away and time.monotonic() < self._try_again_s:
            raise CacheAway(f"Redis did not answer and is left alone for {self._pause_s:g} s (redis_pause_ms)")
        self._events.command_sent(name)
        try:
            reply = await command()
        except ResponseError:  # Redis is there, and says no
            self._events.command_failed(name)
            self.is_away = False
            raise
        except (RedisError, OSError, TimeoutError) as error:
            self._events.command_failed(name)
            self.is_away, self._try_again_s = True, time.monotonic() + self._pause_s
            raise CacheAway(f"{name}: {error}") from error
        self.is_away = False
        return reply

    async def _listen(self) -> None:
        """Pass on every announced landing, until cancelled; after each gap wake everybody."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    while True:
                        message = await pubsub.get_message(timeout=None)
                        if message is None:
                            continue
                        if message["type"] == "message":
                            self._landings.announce(message["data"].decode())
                        else:  # subscribed: at first, or again by redis-py itself when the connection was lost
                            self._landings.announce_all()
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("landings: %s", error)
                await asyncio.sleep(SUBSCRIBE_AGAIN_S)


def _lock_of(key: str) -> str:
    return f"{key}:lock"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
