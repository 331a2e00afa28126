"""The tuner as a process beside a real Redis: what it sets pods follow, and without metrics it ends by itself."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from app.cache import RedisCache
from app.metrics import Metrics
from app.prefixes import prefixes_of
from app.tuner.tuner import ROUNDS_KEPT
from loadtest.workload.stated_settings import StatedSettings
from tests.app.tuner.endpoint import endpoint
from tests.redis_server import RedisServer

T = TypeVar("T")
HOT, COLD = prefixes_of("any")[:2]
EVERY_S, WITHIN_S, LOOK_S = 0.5, 20.0, 0.02


@asynccontextmanager
async def tuner(redis_url: str, source: str, log: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "LAB_REDIS_URL": redis_url, "LAB_TTL_S": "10", "LAB_TUNER_EVERY_S": str(EVERY_S)}
    command = [sys.executable, "-m", "app.tuner", "--metrics", source, *options]
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(look: Callable[[], T]) -> T:
    """What `look` finds, once that is something: on a busy machine it may have ended a moment later."""
    async with asyncio.timeout(WITHIN_S):
        while not (found := look()):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
    return found


def in_a_pod(story: Callable[[RedisCache], Awaitable[None]], redis_url: str) -> None:
    async def main() -> None:
        cache = RedisCache(StatedSettings(redis_url=redis_url), Metrics())
        await cache.start()
        try:
            await story(cache)
        finally:
            await cache.aclose()

    asyncio.run(main())


def test_pods_follow_what_it_sets_and_without_metrics_it_ends_by_itself(tmp_path: Path) -> None:
    async def story(pod: RedisCache) -> None:
        def ttls_s() -> list[float]:
            found = [pod.setting(f"{prefix}12", "ttl_s") for prefix in (HOT, COLD)]
            return [ttl_s for ttl_s in found if ttl_s is not None]

        async with endpoint() as store:
            store.tell({HOT: 90.0, COLD: 10.0})
            heartbeat = tmp_path / "tuned"
            async with tuner(redis.url, store.url, log, "--heartbeat", str(heartbeat)) as process:
                root = pytest.approx([10 * (90 / 50) ** 0.5, 10 * (10 / 50) ** 0.5])
                await until(lambda: ttls_s() == root)
                store.tell({HOT: 10.0, COLD: 90.0})
                await until(lambda: ttls_s()[::-1] == root)
                assert heartbeat.exists()
                store.say("no JSON")
                await until(lambda: not ttls_s())
                rounds = len(store.asked)
                await until(lambda: len(store.asked) > rounds)  # it goes on asking, and sets nothing
                assert not ttls_s()
                assert 1 <= log.read_text().count("no rates, so no TTL is set") <= 3, "sparingly"
                heartbeat.unlink()
                store.tell({HOT: 90.0, COLD: 10.0})
                await until(lambda: ttls_s() == root)
                await until(heartbeat.exists)
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0

    log = tmp_path / "tuner.log"
    with RedisServer(tmp_path) as redis:
        in_a_pod(story, redis.url)
    assert "Traceback" not in log.read_text()
    assert ROUNDS_KEPT * EVERY_S < WITHIN_S


def test_a_redis_that_is_away_is_met_again_and_a_store_that_hangs_holds_no_end_up(tmp_path: Path) -> None:
    async def story(pod: RedisCache) -> None:
        async with endpoint() as store:
            store.tell({HOT: 90.0, COLD: 10.0})
            async with tuner(redis.url, store.url, log) as process:
                await until(lambda: pod.setting(HOT, "ttl_s") is not None)
                redis.kill()
                await until(lambda: pod.setting(HOT, "ttl_s") is None)  # it has ended by itself
                await until(lambda: "no TTL is set" in log.read_text())
                redis.start()
                await until(lambda: pod.setting(HOT, "ttl_s") is not None)
                store.answer = None
                asked = len(store.asked)
                await until(lambda: len(store.asked) > asked)
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(WITHIN_S):
                    assert await process.wait() == 0

    log = tmp_path / "tuner.log"
    with RedisServer(tmp_path) as redis:
        in_a_pod(story, redis.url)
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--metrics", "ftp://here"], "must be http://host:port"),
        (["--pods", "http://here,there"], "'there' must be http://host:port"),
        ([], "one of the arguments --metrics --pods is required"),
    ],
)
def test_a_bad_source_ends_with_exit_2_and_its_name(options: list[str], said: str) -> None:
    async def story() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.tuner", *options, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
        assert (process.returncode, said in errors.decode()) == (2, True), errors.decode()

    asyncio.run(story())
