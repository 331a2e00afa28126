"""The contract of a `Cache` whose server's clock is set: nothing is served beyond its time, whatever the clock says."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import pytest

from app.cache import RedisCache
from app.clock import RedisClock
from app.settings import Settings
from app.strategy import Cache, Entry
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock
from tests.contract.caches import KEY, CacheLog
from tests.fake_redis import fake_redis

HOUR_S = 3_600.0
KEEP_S = 0.15


@dataclass(frozen=True, slots=True)
class Pod:
    """Its clock asks for the time when the case says so, and by itself never."""

    cache: Cache
    clock: RedisClock

    async def put(self, text: bytes) -> Entry:
        """An item that was read now."""
        read_at_s = self.clock.now_s()
        entry = Entry(text, read_at_s, read_at_s + KEEP_S, read_at_s + KEEP_S, 0.1)
        assert await self.cache.put(KEY, entry)
        return entry


@dataclass(frozen=True, slots=True)
class Stage:
    set_clock: Callable[[float], None]
    new_pod: Callable[[], Awaitable[Pod]]


Case = Callable[[Stage], Awaitable[None]]


class Caches(Protocol):
    def __call__(self, case: Case) -> None: ...


def in_memory(case: Case) -> None:
    async def main() -> None:
        running = asyncio.get_running_loop()
        server = SimulatedRedis(clock := VirtualClock(running))
        server.set_clock(2 * HOUR_S)

        async def new_pod() -> Pod:
            cache = SimulatedCache(server, clock, 0.001)
            cache.clock = synced = RedisClock(cache.time_s, running.time, running.time)
            await synced.sync()
            return Pod(cache, synced)

        await case(Stage(lambda by_s: server.set_clock(2 * HOUR_S + by_s), new_pod))

    loop.run(main())


def on_the_wire(case: Case) -> None:
    async def main() -> None:
        opened: list[RedisCache] = []
        async with fake_redis() as server:

            def set_clock(by_s: float) -> None:
                server.ahead_s = by_s

            async def new_pod() -> Pod:
                opened.append(cache := RedisCache(Settings(redis_url=server.url), CacheLog()))
                await cache.clock.sync()
                return Pod(cache, cache.clock)

            try:
                await case(Stage(set_clock, new_pod))
            finally:
                for cache in opened:
                    await cache.aclose()

    asyncio.run(main())


both = pytest.mark.parametrize("caches", [in_memory, on_the_wire])


@both
@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
def test_nothing_is_served_beyond_its_time_when_the_servers_clock_is_set(caches: Caches, by_s: float) -> None:
    async def case(stage: Stage) -> None:
        here = await stage.new_pod()
        entry = await here.put(b"before")
        assert await here.cache.get(KEY) == entry
        stage.set_clock(by_s)
        await asyncio.sleep(1.2 * KEEP_S)
        assert await here.cache.get(KEY) is None  # by a clock that nobody has told yet
        there = await stage.new_pod()
        assert await there.cache.get(KEY) is None  # by one that never knew another time
        await here.clock.sync()
        assert await here.cache.get(KEY) is None

    caches(case)


@both
@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
def test_pods_that_follow_it_serve_what_is_new_for_its_time_and_no_longer(caches: Caches, by_s: float) -> None:
    async def case(stage: Stage) -> None:
        here, there = await stage.new_pod(), await stage.new_pod()
        await here.put(b"before")
        stage.set_clock(by_s)
        for pod in (here, there):
            await pod.clock.sync()
        entry = await here.put(b"after")
        assert await there.cache.get(KEY) == entry
        assert entry.age_s(there.clock.now_s()) < KEEP_S
        await asyncio.sleep(1.2 * KEEP_S)
        assert await there.cache.get(KEY) is None

    caches(case)


@both
def test_an_entry_that_its_clock_forbids_makes_a_pod_ask_for_the_time_again(caches: Caches) -> None:
    async def case(stage: Stage) -> None:
        here = await stage.new_pod()
        await here.put(b"before")
        stage.set_clock(-HOUR_S)
        keeping = asyncio.ensure_future(here.clock.keep_in_sync())
        await asyncio.sleep(1.2 * KEEP_S)
        assert await here.cache.get(KEY) is None
        before_s = here.clock.now_s()
        async with asyncio.timeout(0.7):  # which is less than it takes without a doubt
            while here.clock.now_s() > before_s - HOUR_S / 2:  # noqa: ASYNC110 - a clock has no event
                await asyncio.sleep(0.01)
        keeping.cancel()

    caches(case)
