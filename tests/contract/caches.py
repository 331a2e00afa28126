"""Two pods' caches over one server, in either world, so that one suite can run against both."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from redis.asyncio import Redis

from app.cache import RedisCache
from app.local_tier import CopyInvalidation, LruTier
from app.nets.nets import Nets
from app.nets.seam import NetCache
from app.pod import PodCache
from app.settings import Settings
from app.strategy import Clock, Entry
from app.subscription import CHANNEL
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock, VirtualLoop
from loadtest.sim.wire.network import Host, Network, dialling
from loadtest.sim.wire.server import VirtualRedis
from loadtest.sim.wire.surroundings import EPOCH_S, LibrarySurroundings

T = TypeVar("T")

KEY = "lab:any:7"
SOON_S = 0.03
LONG_S = 30.0
NETS = Nets()
TIER_ENTRIES = 8
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@dataclass(frozen=True, slots=True)
class Pods:
    """Two pods' caches, and a third whose server is away."""

    here: NetCache
    there: NetCache
    cut_off: NetCache
    clock: Clock
    lock_for_ever: Callable[[], Awaitable[object]]
    """Have the lock of KEY held by somebody whose lock has no end."""
    flush: Callable[[], Awaitable[object]]
    """Have every key dropped by somebody who publishes nothing."""
    lose_messages: Callable[[], Awaitable[object]]
    """Have a gap in the subscriptions of both pods, until they hear again."""


def entry_of(pods: Pods, text: str = "value", keep_for_s: float = LONG_S) -> Entry:
    now_s = pods.clock.now_s()
    read_at_s = now_s - max(0.25, -2 * keep_for_s)
    return Entry(text.encode(), read_at_s, read_at_s + 0.01, now_s + keep_for_s, cost_s=0.123456789)


def open_tiers(cache: PodCache) -> None:
    """Open a local tier for each way in which pods learn that a copy is out of date."""
    for way in CopyInvalidation:
        cache.local_tiers.open(f"lab:{way}:", cache.clock, TIER_ENTRIES, 1_000_000, way)


def tier_of(cache: NetCache, way: CopyInvalidation) -> LruTier:
    tier = cache.local_tiers.of(f"lab:{way}:")
    assert tier is not None
    return tier


Case = Callable[[Pods], Awaitable[None]]


class Caches(Protocol):
    """A world with caches in it."""

    def run(self, case: Case, nets: Nets = NETS) -> None:
        """Run the case to its end, beginning with an empty cache."""
        ...


class SimulatedCaches:
    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s

    def run(self, case: Case, nets: Nets = NETS) -> None:
        async def main() -> None:
            clock = VirtualClock(asyncio.get_running_loop())
            server, other = SimulatedRedis(clock), SimulatedRedis(clock)
            here, there, cut_off = (
                SimulatedCache(at, clock, self._latency_s, nets=nets) for at in (server, server, other)
            )
            other.is_away = True

            async def lock_for_ever() -> None:
                server.lock(KEY, "somebody", 10**12)

            async def flush() -> None:
                server.flush()

            async def lose_messages() -> None:
                for is_deaf in (True, False):
                    for pod in (here, there):
                        pod.go_deaf(is_deaf)

            for pod in (here, there):
                open_tiers(pod)
            await case(Pods(here, there, cut_off, clock, lock_for_ever, flush, lose_messages))

        loop.run(main())


@dataclass
class CacheLog:
    """Implements `app.cache.CacheEvents`."""

    sent: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    died: list[str] = field(default_factory=list)
    corrupt: int = 0
    dropped: int = 0

    def command_sent(self, command: str) -> None:
        self.sent.append(command)

    def command_failed(self, command: str) -> None:
        self.failed.append(command)

    def batch_read(self, keys: int) -> None:
        self.batches.append(keys)

    def entry_corrupt(self) -> None:
        self.corrupt += 1

    def counts_dropped(self, accesses: int) -> None:
        self.dropped += accesses

    def task_died(self, task: str) -> None:
        self.died.append(task)


class RedisCaches:
    def __init__(self, url: str, timeout_ms: float = 5_000) -> None:
        self._url = url
        self._timeout_ms = timeout_ms

    def run(self, case: Case, nets: Nets = NETS) -> None:
        asyncio.run(self.play(case, nets))

    async def play(self, case: Case, nets: Nets) -> None:
        async with AsyncExitStack() as owned:
            client = await owned.enter_async_context(Redis.from_url(self._url))
            await client.flushall()
            here, there, cut_off = (self._cache(url, nets) for url in (self._url, self._url, NOBODY_LISTENS))
            for cache in (here, there, cut_off):
                owned.push_async_callback(cache.aclose)
                open_tiers(cache)
                await cache.start()
            await _until(lambda: _listeners(client, 2))
            await asyncio.sleep(0.02)  # each wakes everybody once, when it has begun to listen
            async with asyncio.timeout(20):
                lock_for_ever = partial(client.set, f"{KEY}:lock", "somebody")
                lose_messages = partial(self._lose_messages, client)
                await case(Pods(here, there, cut_off, here.clock, lock_for_ever, client.flushall, lose_messages))

    async def _lose_messages(self, client: Redis) -> None:
        await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]
        await _until(lambda: _listeners(client, 2))
        await asyncio.sleep(0.02)

    def _cache(self, url: str, nets: Nets) -> RedisCache:
        return RedisCache(Settings(redis_url=url, redis_timeout_ms=self._timeout_ms, nets=nets), CacheLog())


class WireCaches:
    """The service's own caches over a simulated network, in virtual time."""

    def __init__(self, way_s: float) -> None:
        self._way_s = way_s

    def run(self, case: Case, nets: Nets = NETS) -> None:
        running = VirtualLoop(deadline_s=3_600.0)
        running.surroundings = LibrarySurroundings(running)

        async def main() -> None:
            running.network = network = Network(running)
            dialling.set(Host("pod", lambda: self._way_s))
            server = VirtualRedis(network, epoch_s=EPOCH_S)
            await RedisCaches(server.url).play(case, nets)

        loop.run_on(running, main())


async def _listeners(client: Redis, wanted: int) -> bool:
    ((_, listening),) = await client.pubsub_numsub(CHANNEL)
    return bool(listening == wanted)


async def _until(holds: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 - a server has no event to wait for
            await asyncio.sleep(0.005)
