"""Clients and libraries run unmodified over the simulated wire, and every run of them repeats."""

import asyncio
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, TypeVar

import pytest
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff, FullJitterBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import LockError, TimeoutError

from app.cache import RedisCache
from app.settings import Settings
from loadtest import ROOT
from loadtest.sim.kernel.loop import VirtualLoop, run_on
from loadtest.sim.wire.network import Host, Network, dialling
from loadtest.sim.wire.server import VirtualRedis
from loadtest.sim.wire.surroundings import LibrarySurroundings
from loadtest.sim.wire.trouble import LinkTrouble
from tests.contract.caches import CacheLog, entry_of
from tests.loadtest.sim.wire.conversations import WAY_S

T = TypeVar("T")

ServedCase = Callable[[VirtualRedis], Awaitable[T]]


def over_the_wire(case: ServedCase[T], seed: int = 1, way_s: Callable[[], float] = lambda: WAY_S) -> T:
    """What the case gives, on the host `pod-1`, with a library's surroundings."""
    running = VirtualLoop(3600.0)
    running.surroundings = LibrarySurroundings(running, seed=seed)

    async def main() -> T:
        running.network = network = Network(running)
        dialling.set(Host("pod-1", way_s))
        return await case(VirtualRedis(network, epoch_s=1_767_225_600.0, seed=seed))

    return run_on(running, main())


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_runs_in_virtual_time(protocol: int) -> None:
    async def case(server: VirtualRedis) -> None:
        async with Redis.from_url(server.url, protocol=protocol) as client:
            assert await client.set("key", b"value", px=60_000)
            began_s = now_s()
            assert await client.get("key") == b"value"
            assert now_s() - began_s == pytest.approx(2 * WAY_S)
            await asyncio.sleep(61)
            assert await client.get("key") is None
            assert (await client.time())[0] == int(server.now_s() - WAY_S)
            pipe = client.pipeline(transaction=True)
            for words in (("SET", "n", 1), ("INCR", "n"), ("HSET", "h", "f", "1"), ("HGETALL", "h")):
                pipe.execute_command(*words)
            assert await pipe.execute() == [True, 2, 1, {b"f": b"1"}]
            assert await client.eval("return {KEYS[1], ARGV[1]}", 1, "k", "v") == [b"k", b"v"]

    over_the_wire(case)


def test_a_pool_of_two_lets_a_third_command_wait_for_a_connection() -> None:
    async def case(server: VirtualRedis) -> None:
        pool = BlockingConnectionPool.from_url(server.url, max_connections=2, timeout=5, protocol=2)
        async with Redis.from_pool(pool) as client:
            await asyncio.gather(client.ping(), client.ping())
            began_s = now_s()
            await asyncio.gather(*(client.get("a") for _ in range(3)))
            assert now_s() - began_s == pytest.approx(4 * WAY_S)
            assert len(server.port.connections()) == 2
        await asyncio.sleep(1)
        assert server.port.connections() == []

    over_the_wire(case)


def test_a_command_times_out_on_a_dead_link_and_gets_through_again_by_a_new_connection() -> None:
    async def case(server: VirtualRedis) -> None:
        async with Redis.from_url(server.url, socket_timeout=0.5, retry=Retry(ConstantBackoff(0.1), 0)) as client:
            await client.set("a", "1")
            server.port.set_trouble(LinkTrouble(is_silent=True), "pod-1")
            began_s = now_s()
            with pytest.raises(TimeoutError):
                await client.get("a")
            assert now_s() - began_s == pytest.approx(0.5)
            server.port.set_trouble(LinkTrouble(), "pod-1")
            assert await client.get("a") == b"1"
            server.go_away(is_emptied=False)
            with pytest.raises(LostConnection):
                await client.get("a")

    over_the_wire(case)


def test_a_lock_is_had_by_one_polled_by_the_other_and_lost_with_its_time() -> None:
    async def case(server: VirtualRedis) -> None:
        async with Redis.from_url(server.url) as client:
            first = client.lock("lock", timeout=2.0)
            assert await first.acquire()
            began_s = now_s()
            async with client.lock("lock", timeout=1.0, sleep=0.1):
                assert 2.0 - 0.1 <= now_s() - began_s <= 2.0 + 0.1 + 4 * WAY_S
            with pytest.raises(LockError):
                await first.release()
        assert server.counts["set"] == pytest.approx(21, abs=1)

    over_the_wire(case)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_subscription_goes_on_after_its_connection_was_reset(protocol: int) -> None:
    async def case(server: VirtualRedis) -> None:
        async with (
            Redis.from_url(server.url, protocol=protocol, retry=Retry(ConstantBackoff(0.2), 5)) as client,
            client.pubsub() as listener,
        ):
            await listener.subscribe("a")
            await client.publish("a", "one")
            heard = [await listener.get_message(timeout=1) for _ in range(2)]
            server.go_away()
            asyncio.get_running_loop().call_later(0.5, server.come_back)
            heard += [await listener.get_message(timeout=3)]
            await client.publish("a", "two")
            heard += [await listener.get_message(timeout=1)]
            assert [(one["type"], one["data"]) for one in heard if one] == [
                ("subscribe", 1), ("message", b"one"), ("subscribe", 1), ("message", b"two"),
            ]  # fmt: skip

    over_the_wire(case)


def test_the_services_own_cache_runs_with_its_pipe_and_its_subscription() -> None:
    async def case(server: VirtualRedis) -> None:
        log, other_log = CacheLog(), CacheLog()
        settings = Settings(redis_url=server.url, redis_timeout_ms=100)
        here, there = RedisCache(settings, log), RedisCache(settings, other_log)
        for cache in (here, there):
            await cache.start()
        await asyncio.sleep(0.1)
        assert here.clock.now_s() == pytest.approx(server.now_s())
        assert await here.lock("lab:any:7", "token", 10.0)
        began_s = now_s()
        with there.notification("lab:any:7") as waiter:
            waits = asyncio.ensure_future(waiter.wait(5.0))
            await asyncio.sleep(1)
            pods: Any = type("Pods", (), {"clock": here.clock})
            assert await here.put("lab:any:7", entry_of(pods), "token")
            assert await waits
        assert now_s() - began_s == pytest.approx(1 + 4 * WAY_S)  # the script is not there yet
        reads = [there.get("lab:any:7") for _ in range(3)]
        assert [entry is not None for entry in await asyncio.gather(*reads)] == [True] * 3
        assert server.counts["mget"] == 2  # one for the first, at once, and one for all others
        for cache in (here, there):
            await cache.aclose()
        assert log.died == other_log.died == []

    over_the_wire(case)


Trace = list[tuple[float, str, Sequence[bytes], str]]


def traced(case: ServedCase[Any], seed: int) -> Trace:
    """Every command that Redis executed: when, of which host, its bytes and its reply."""
    trace: Trace = []

    async def noted(server: VirtualRedis) -> None:
        def note(host: str, words: Sequence[bytes], reply: object) -> None:
            trace.append((now_s(), host, tuple(words), repr(reply)))

        server.when_executed = note
        await case(server)

    rng = Random(seed)
    over_the_wire(noted, seed, lambda: rng.uniform(0.0001, 0.002))
    return trace


async def locks_with_jitter(server: VirtualRedis) -> None:
    """Five clients want a lock, whose tokens redis-py draws, while connections are reset under some commands."""
    server.reset_under(0.1)

    async def work(number: int) -> None:
        async with Redis.from_url(server.url, retry=Retry(FullJitterBackoff(0.5, 0.05), 20)) as client:
            for _ in range(3):
                try:
                    async with client.lock("lock", timeout=0.5, sleep=0.02, raise_on_release_error=False):
                        await client.sadd("members", f"{number}/{now_s()}")
                except (LockError, LostConnection):
                    pass
            await client.smembers("members")

    await asyncio.gather(*(work(number) for number in range(5)))


async def cashews_early(server: VirtualRedis) -> None:
    """An entry that cashews recomputes early, by chance, in the background."""
    from cashews import Cache

    cache = Cache()
    cache.setup(server.url)
    loads = 0

    @cache.early(ttl=3, early_ttl=1, key="key:{of}")
    async def load(of: str) -> str:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.05)
        return f"{of} {loads}"

    async def ask() -> None:
        for _ in range(60):
            await load("a")
            await asyncio.sleep(0.1)

    await asyncio.gather(*(ask() for _ in range(5)))
    await cache.close()
    assert 4 <= loads <= 40


LIBRARIES: dict[str, ServedCase[Any]] = {"locks": locks_with_jitter, "early": cashews_early}


def digest(name: str, seed: int) -> str:
    return hashlib.sha256(repr(traced(LIBRARIES[name], seed)).encode()).hexdigest()


CLOSES_AS_OF_OLD = pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # cashews does


@CLOSES_AS_OF_OLD
@pytest.mark.parametrize("name", LIBRARIES)
def test_the_same_seed_gives_the_same_bytes_at_the_same_moments_and_another_one_does_not(name: str) -> None:
    first, again = traced(LIBRARIES[name], 1), traced(LIBRARIES[name], 1)
    assert len(first) > 40
    assert first == again
    assert traced(LIBRARIES[name], 2) != first


@CLOSES_AS_OF_OLD
def test_another_process_with_another_hash_seed_sees_the_same_bytes() -> None:
    program = "from tests.loadtest.sim.wire.test_clients import LIBRARIES, digest\n"
    program += "print([digest(name, 1) for name in LIBRARIES])"
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    ]
    assert said == [str([digest(name, 1) for name in LIBRARIES])] * 2


def test_the_ten_lines_of_the_document_run(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(import.*?)```", text, re.DOTALL)
    exec(compile(lines, "docs/wire.md", "exec"), {})
    assert capsys.readouterr().out.startswith("61.00")
