"""One run at a time on a Redis that was there before."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from loadtest.worlds import lease as leases
from loadtest.worlds.lease import KEY, sole_user
from loadtest.worlds.world import WorldFailed


async def soon(seen: Callable[[], object]) -> None:
    for _ in range(1_000):
        if seen():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that within 10 s")


def test_the_second_on_one_redis_refuses_and_names_who_holds_it(redis_url: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", redis_url)

    async def both() -> None:
        async with sole_user("lab bench --scenario first"):
            with pytest.raises(WorldFailed, match="is in use by 'lab bench --scenario first' \\(process"):
                async with sole_user("lab calibrate"):
                    pass
        async with sole_user("lab try mine") as second:
            assert second is not None

    asyncio.run(both())


def test_a_lease_is_renewed_and_one_that_is_lost_says_to_whom(redis_url: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", redis_url)
    monkeypatch.setattr(leases, "RENEW_EVERY_S", 0.01)

    async def hold() -> None:
        async with sole_user("lab bench") as lease:
            assert lease is not None
            redis.flushall()  # as somebody may do
            await soon(lambda: redis.exists(KEY))
            assert 0 < redis.pttl(KEY) <= leases.LEASE_S * 1000
            assert lease.taken_by == ""
            redis.set(KEY, '{"by": "another", "token": "x"}')
            await soon(lambda: lease.taken_by)
            assert lease.taken_by == "another"
        assert redis.get(KEY) is not None, "what is another's stays"

    with Redis.from_url(redis_url) as redis:
        asyncio.run(hold())


def test_a_redis_that_does_not_answer_is_named_without_its_password(monkeypatch: Any) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", "redis://me:hush@127.0.0.1:1/0?password=hush")

    async def ask() -> None:
        async with sole_user("lab bench"):
            pass

    with pytest.raises(WorldFailed, match=r"Redis at redis://127.0.0.1:1/0 does not answer") as caught:
        asyncio.run(ask())
    assert "hush" not in str(caught.value)
