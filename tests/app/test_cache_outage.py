"""Redis is killed, hangs, is full, or holds rubbish: the service keeps answering."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from app.discovery import discover
from tests.pod import ledger_rows, pod_settings, running_pod
from tests.redis_server import RedisServer

STRATEGIES = list(discover().strategies)
READERS = 40


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


async def _ask_all_at_once(client: httpx.AsyncClient, strategy: str) -> list[int]:
    answers = await asyncio.gather(*(client.get(f"/{strategy}?id=1") for _ in range(READERS)))
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_redis_a_pod_answers_from_the_origin_collapsed_and_recovers(
    own_redis: RedisServer, tmp_path: Path, strategy: str
) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(own_redis.url, tmp_path, redis_pause_ms=50)) as client:
            assert await _ask_all_at_once(client, strategy) == [200] * READERS
            own_redis.kill()
            before = len(await ledger_rows(client))
            for _ in range(3):
                assert await _ask_all_at_once(client, strategy) == [200] * READERS
            assert (await client.get("/readyz")).json()["cache"] == "away"
            # one load at a time for the key; a few more where the outage was noticed in the middle of a wave
            assert len(await ledger_rows(client)) - before <= 6
            own_redis.start()
            give_up_s = time.monotonic() + 10
            while "detail=hit" not in (await client.get(f"/{strategy}?id=1")).headers["cache-status"]:
                assert time.monotonic() < give_up_s, "no hit within 10 s of Redis's return"
                await asyncio.sleep(0.02)

    asyncio.run(scenario())


def test_a_pod_starts_without_redis_and_says_so(own_redis: RedisServer, tmp_path: Path) -> None:
    own_redis.kill()

    async def scenario() -> None:
        async with running_pod(pod_settings(own_redis.url, tmp_path)) as client:
            assert (await client.get("/static?id=1")).status_code == 200

    asyncio.run(scenario())


def test_a_redis_that_hangs_costs_one_time_out_and_not_one_per_request(own_redis: RedisServer, tmp_path: Path) -> None:
    async def scenario() -> float:
        settings = pod_settings(own_redis.url, tmp_path, redis_timeout_ms=200, redis_pause_ms=60_000)
        async with running_pod(settings) as client:
            await client.get("/static?id=1")
            own_redis.signal(signal.SIGSTOP)
            try:
                assert (await client.get("/static?id=1")).status_code == 200  # pays the time-out
                began_s = time.monotonic()
                for number in range(5):
                    assert (await client.get(f"/static?id={number}")).status_code == 200
                return time.monotonic() - began_s
            finally:
                own_redis.signal(signal.SIGCONT)

    # five more reads of 20 ms, and not five more time-outs of 200 ms
    assert asyncio.run(scenario()) < 5 * 0.2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_full_redis_that_refuses_writes_costs_hits_and_no_answers_and_fills_no_log(
    tmp_path: Path, strategy: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(url: str) -> None:
        async with Redis.from_url(url) as redis:
            await redis.set("ballast", "x" * 4_000_000)
            await redis.config_set("maxmemory", 1_000_000)
        async with running_pod(pod_settings(url, tmp_path)) as client:
            for _ in range(2):
                assert await _ask_all_at_once(client, strategy) == [200] * READERS

    with RedisServer(tmp_path, "--maxmemory-policy", "noeviction") as full:
        asyncio.run(scenario(full.url))
    assert sum("refused to store" in message for message in caplog.messages) <= 1


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("rubbish", [b"", b"x", b"SLe1" + b"\0" * 60, b"y" * 5_000_000])
def test_a_corrupt_entry_is_counted_and_loaded_anew(
    redis_url: str, tmp_path: Path, strategy: str, rubbish: bytes
) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client, Redis.from_url(redis_url) as redis:
            await redis.set(f"lab:{strategy}:5", rubbish)
            answers = [await client.get(f"/{strategy}?id=5") for _ in range(3)]
            metrics = (await client.get("/metrics")).text
            assert [answer.status_code for answer in answers] == [200] * 3
            assert len(await ledger_rows(client)) == 1
        assert "lab_cache_corrupt_entries_total 0.0" not in metrics

    asyncio.run(scenario())


def test_readers_that_go_away_leave_no_reply_behind_for_the_next(redis_url: str, tmp_path: Path) -> None:
    """redis-py once handed a cancelled command's reply to the next caller (redis-py #2624)."""
    from random import Random

    from app.cache import RedisCache
    from app.metrics import Metrics
    from app.strategy import Entry

    rng = Random(20261120)

    async def scenario() -> int:
        cache = RedisCache(pod_settings(redis_url, tmp_path), Metrics())
        await cache.start()
        now_s = cache.clock.now_s()
        for number in range(50):
            entry = Entry(f"body {number}".encode(), now_s, now_s + 60, now_s + 60, 0.1)
            assert await cache.put(f"k{number}", entry)

        async def read(number: int) -> None:
            entry = await cache.get(f"k{number}")
            assert entry is not None
            assert entry.body == f"body {number}".encode()

        finished = 0
        for _ in range(200):
            readers = [asyncio.ensure_future(read(rng.randrange(50))) for _ in range(100)]
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
            for reader in rng.sample(readers, 40):
                reader.cancel()
            ended = await asyncio.gather(*readers, return_exceptions=True)
            assert not [error for error in ended if isinstance(error, Exception)]
            finished += sum(error is None for error in ended)
        await cache.aclose()
        return finished

    assert asyncio.run(scenario()) >= 200 * 60
