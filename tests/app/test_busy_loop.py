"""A pod whose own loop is busy takes no healthy Redis for dead: the time-out drill.

A time-out is judged by a loop that is on time, and the pod's own want of resources is no failure of Redis.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from app import budget
from app.cache import RedisCache
from app.settings import Settings
from app.strategy import Entry
from tests.contract.caches import CacheLog
from tests.pod import ledger_rows, pod_settings, running_pod

BUSY_S = 0.3
"""Longer than the time-out of a command and the budget of a request, 0.25 s each."""
NewLoop = Callable[[], asyncio.AbstractEventLoop]

both_loops = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])


def _run(new_loop: NewLoop, main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main)


async def _failed_commands(client: httpx.AsyncClient) -> dict[str, float]:
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    return {
        sample.labels["command"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "lab_cache_failures_total" and sample.value
    }


@both_loops
@pytest.mark.parametrize("busy_after_s", [0.0, 0.0005])
def test_a_busy_loop_fails_no_command_of_a_redis_that_answers(
    redis_url: str, new_loop: NewLoop, busy_after_s: float
) -> None:
    """The loop is busy from the moment of sending, or right after, when replies lie in the socket."""

    async def main() -> None:
        log = CacheLog()
        async with aclosing(RedisCache(Settings(redis_url=redis_url), log)) as cache:
            await cache.start()
            now_s = cache.clock.now_s()
            entry = Entry(b"body", now_s, now_s + 60, now_s + 60, 0.1)

            async def write_and_read(number: int) -> None:
                budget.current.set(budget.Budget(0.25))
                key = f"lab:busy:{number % 20}"
                if number < 20:
                    assert await cache.put(key, entry)
                else:
                    assert await cache.get(key) in (entry, None)

            for _ in range(2):
                running = [asyncio.ensure_future(write_and_read(number)) for number in range(40)]
                await asyncio.sleep(busy_after_s)
                time.sleep(BUSY_S)  # noqa: ASYNC251 - that is what it is about
                await asyncio.gather(*running)
                assert cache.standing.is_open
            assert log.failed == []

    _run(new_loop, main())


@both_loops
def test_a_busy_pod_asks_the_origin_no_more_than_once_for_each_item(
    redis_url: str, tmp_path: Path, new_loop: NewLoop
) -> None:
    async def main() -> None:
        settings = pod_settings(redis_url, tmp_path, items=64, ttl_s=60)
        async with running_pod(settings) as client:
            for first in range(0, 64, 32):
                asyncio.get_running_loop().call_later(0.02, time.sleep, BUSY_S)  # about when its writes are under way
                paths = [f"/static?id={item}" for item in range(first, first + 32)]
                answers = await asyncio.gather(*map(client.get, paths))
                assert {answer.status_code for answer in answers} == {200}
                asyncio.get_running_loop().call_later(0.002, time.sleep, BUSY_S)  # about when its reads are
                answers = await asyncio.gather(*map(client.get, paths))
                assert ["hit" in answer.headers["cache-status"] for answer in answers] == [True] * 32
            assert len(await ledger_rows(client)) == 64
            assert await _failed_commands(client) == {}

    _run(new_loop, main())


def test_hundreds_of_misses_at_once_fail_no_write(redis_url: str, tmp_path: Path) -> None:
    """They used to wait for one of sixteen connections, and those that waited for long were taken for failed."""
    items = 600

    async def main() -> None:
        settings = pod_settings(
            redis_url, tmp_path, items=items, key_space=items, ttl_s=60, origin_connections=256, payload_bytes=20_000
        )
        async with running_pod(settings) as client:
            paths = [f"/static?id={item}" for item in range(items)]
            answers = await asyncio.gather(*map(client.get, paths))
            assert {answer.status_code for answer in answers} == {200}
            assert await _failed_commands(client) == {}
            assert len(await ledger_rows(client)) == items

    _run(uvloop.new_event_loop, main())
