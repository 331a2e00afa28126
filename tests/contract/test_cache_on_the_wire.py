"""What only a cache on the wire can get wrong: bytes, batches and connections of the real Redis."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from app.cache import RedisCache
from app.prefix_settings import SETTINGS_KEY
from app.settings import Settings
from tests.contract.caches import KEY, CacheLog, Pods, RedisCaches
from tests.redis_server import RedisServer


@pytest.mark.parametrize("stored", [b"", b"plain text", b"SLe0" + bytes(60), b"SLe1" + bytes(40)])
def test_bytes_that_are_no_entry_read_as_a_miss_and_are_counted(redis_server: RedisServer, stored: bytes) -> None:
    async def main() -> None:
        log = CacheLog()
        cache = RedisCache(Settings(redis_url=redis_server.url), log)
        async with Redis.from_url(redis_server.url) as client:
            await client.set(KEY, stored)
        try:
            assert await cache.get(KEY) is None
            assert log.corrupt == 1
        finally:
            await cache.aclose()

    asyncio.run(main())


def test_reads_of_one_tick_leave_as_one_command(redis_server: RedisServer) -> None:
    async def main() -> None:
        log = CacheLog()
        cache = RedisCache(Settings(redis_url=redis_server.url), log)
        try:
            assert await asyncio.gather(*(cache.get(f"{KEY}/{number}") for number in range(50))) == [None] * 50
            assert (log.sent, log.batches) == (["mget"], [50])
        finally:
            await cache.aclose()

    asyncio.run(main())


def test_a_listener_that_hears_nothing_for_long_still_listens(redis_server: RedisServer) -> None:
    """The command time-out must not cut the subscription, or notifications get lost while it is taken up again."""

    async def case(pods: Pods) -> None:
        async with Redis.from_url(redis_server.url) as client:
            subscribed = {row["id"] for row in await client.client_list(_type="pubsub")}
            assert len(subscribed) == 2
            await asyncio.sleep(0.3)
            assert {row["id"] for row in await client.client_list(_type="pubsub")} == subscribed

    RedisCaches(redis_server.url, timeout_ms=100).run(case)


def test_after_a_gap_in_the_subscription_everybody_who_waits_is_woken(redis_server: RedisServer) -> None:
    """What was notified in the gap is lost: only a look at the cache can tell."""

    async def case(pods: Pods) -> None:
        async with Redis.from_url(redis_server.url) as client:
            with pods.here.notification(KEY) as notification:
                assert not await notification.wait(0.05)
                await client.client_kill_filter(_type="pubsub")
                assert await notification.wait(5.0)

    RedisCaches(redis_server.url).run(case)


@pytest.mark.parametrize("wrong", [7, None, "\ud800"])
def test_a_key_that_is_no_text_fails_its_caller_and_nobody_else(redis_server: RedisServer, wrong: Any) -> None:
    """A strategy that is being written may ask for anything. The pod's other strategies read on the same connection."""

    async def main() -> None:
        log = CacheLog()
        cache = RedisCache(Settings(redis_url=redis_server.url), log)
        try:
            for _ in range(3):  # more than there may be batches at once
                with pytest.raises((AttributeError, UnicodeEncodeError)):
                    await cache.get(wrong)
            for words in ((KEY, wrong), (wrong, KEY)):  # alone, and among others while one is under way
                reads = await asyncio.gather(*(cache.get(key) for key in (KEY, *words)), return_exceptions=True)
                assert reads.count(None) == 2
            async with asyncio.timeout(5):
                assert await cache.get(KEY) is None
            with pytest.raises(UnicodeEncodeError):
                await cache.lock("\ud800", "token", 1.0)
            assert await cache.lock(KEY, "token", 1.0)
            assert (log.failed, log.died) == ([], [])
        finally:
            await cache.aclose()

    asyncio.run(main())


def test_counts_leave_as_one_command_and_live_two_windows(redis_server: RedisServer) -> None:
    async def main() -> None:
        log = CacheLog()
        cache = RedisCache(Settings(redis_url=redis_server.url, count_flush_ms=20), log)
        try:
            for number in range(1_000):
                cache.count(f"{KEY}/{number % 50}", 10.0)
            assert log.sent == []
            await asyncio.sleep(0.1)
            assert [command for command in log.sent if command not in ("hello", "time")] == ["count"]
            async with Redis.from_url(redis_server.url) as client:
                counters = await client.keys(f"lab:counts:10.0:*:{KEY}/*")
                assert len(counters) == 50
                assert {await client.get(counter) for counter in counters} == {b"20"}
                left_ms = [await client.pttl(counter) for counter in counters]
                assert all(19_000 < left <= 20_000 for left in left_ms)
        finally:
            await cache.aclose()

    asyncio.run(main())


def test_a_hash_without_a_use_ends_with_its_last_setting(redis_server: RedisServer) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.set_setting("lab:", "ttl_s", 1.0, 60.0)
        await pods.here.set_setting("lab:any:", "ttl_s", 1.0, 5.0)
        async with Redis.from_url(redis_server.url) as client:
            assert 55_000 < await client.pttl(SETTINGS_KEY) <= 60_000

    RedisCaches(redis_server.url).run(case)
