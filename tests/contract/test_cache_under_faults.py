"""What a paused Redis executes late, and what a subscription hears that it should not."""

import asyncio
import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.cache import RedisCache
from app.settings import Settings
from app.strategy import CacheAway, Entry
from app.subscription import CHANNEL
from tests.contract.caches import KEY, CacheLog
from tests.redis_server import RedisServer


def test_a_write_that_a_paused_redis_executes_late_does_not_begin_its_life_then(tmp_path: Path) -> None:
    async def main(server: RedisServer) -> None:
        cache = RedisCache(Settings(redis_url=server.url, redis_timeout_ms=200), CacheLog())
        await cache.start()
        now_s = cache.clock.now_s()
        assert await cache.put("warm", Entry(b"", now_s, now_s + 9, now_s + 9, 0.1))
        server.signal(signal.SIGSTOP)
        try:
            await cache.put(KEY, Entry(b"old", now_s, now_s + 0.3, now_s + 0.3, 0.1))
            raise AssertionError("a stopped Redis answers")
        except CacheAway:
            await asyncio.sleep(0.3)
        finally:
            server.signal(signal.SIGCONT)
        async with Redis.from_url(server.url) as client:
            assert await client.exists("warm")
            assert not await client.exists(KEY)
        await cache.aclose()

    with RedisServer(tmp_path) as server:
        asyncio.run(main(server))


def test_a_message_that_is_not_utf_8_ends_no_wake_ups(redis_server: RedisServer) -> None:
    async def main() -> None:
        log = CacheLog()
        cache = RedisCache(Settings(redis_url=redis_server.url), log)
        await cache.start()
        async with Redis.from_url(redis_server.url) as client:
            while not (await client.pubsub_numsub(CHANNEL))[0][1]:  # noqa: ASYNC110 - a server has no event
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)
            await client.publish(CHANNEL, b"\xff\xfe")
            await cache.lock(KEY, "mine", 5.0)
            with cache.notification(KEY) as notification:
                await cache.unlock(KEY, "mine")
                assert await notification.wait(2.0)
        assert not log.died
        await cache.aclose()

    asyncio.run(main())


def test_a_lock_that_redis_has_no_script_for_is_not_taken_once_its_caller_has_gone(tmp_path: Path) -> None:
    async def main(server: RedisServer) -> None:
        cache = RedisCache(Settings(redis_url=server.url, redis_timeout_ms=250), CacheLog())
        try:
            await cache.get(KEY)
            server.signal(signal.SIGSTOP)
            try:
                with pytest.raises(CacheAway):
                    await cache.lock(KEY, "gone", 10.0)
            finally:
                server.signal(signal.SIGCONT)
            await cache.get(KEY)  # behind what Redis had still to answer, and what followed that
            await cache.get(KEY)
            assert await cache.lock(KEY, "next", 10.0)
        finally:
            await cache.aclose()

    with RedisServer(tmp_path) as server:
        asyncio.run(main(server))
