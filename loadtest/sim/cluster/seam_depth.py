"""The depth at which the `Cache` seam is replaced: every pod has a simulated cache, and all share a simulated Redis."""

from collections.abc import Callable
from random import Random

from app.cache_pace import CachePace
from app.clock import RedisClock
from app.latency import Latency
from app.pod import PodCache
from loadtest.sim.cluster.depth import PodPlace, RedisWay
from loadtest.sim.cluster.events import Observers
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_link import ClientTimeouts
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.kernel.loop import VirtualClock, VirtualLoop
from loadtest.workload.faults import CacheFull
from loadtest.workload.scenario import Scenario


class SyncedClock(RedisClock):
    """The clock of a pod that has to ask Redis for the time; until it knows, the pod uses no entry of Redis."""

    def __init__(self, cache: SimulatedCache, loop: VirtualLoop, wall_s: Callable[[], float]) -> None:
        super().__init__(cache.time_s, loop.time, wall_s)
        self._cache = cache

    async def sync(self) -> None:
        await super().sync()
        self._cache.introduce(True)

    async def begin(self) -> None:
        """Open the cache, and keep the clock in sync until cancelled."""
        await self._cache.start()
        await self.keep_in_sync()


class SeamDepth:
    """The simulated caches of a cluster. Implements `loadtest.sim.cluster.depth.Depth`."""

    def __init__(self, scenario: Scenario, seed: int, loop: VirtualLoop, observers: Observers) -> None:
        self._loop, self._clock = loop, VirtualClock(loop)
        virtual = scenario.virtual
        self._latency = Latency.parse(virtual.redis)
        self.redis = SimulatedRedis(
            self._clock,
            virtual.redis_entries_max,
            virtual.redis_policy,
            seed,
            observers,
            may_fill_up=any(isinstance(fault, CacheFull) for fault in scenario.faults),
        )

    redis_url = ""
    commands: int | None = None

    def new_way(self, place: PodPlace) -> RedisWay:
        settings, latency = place.settings, self._latency
        rng = Random(f"{settings.seed}/{place.name}/redis")
        latency_s = (lambda: latency.draw_ms(rng) / 1000) if latency.mean_ms else 0.0
        timeouts = ClientTimeouts(
            settings.redis_timeout_ms / 1000, settings.redis_pause_ms / 1000, settings.redis_retries
        )
        cache = SimulatedCache(
            self.redis,
            self._clock,
            latency_s,
            timeouts,
            place.gate,
            place.name,
            place.failed,
            place.cpu,
            settings.nets,
            CachePace.of(settings),
        )
        if place.wall_s is not None:
            cache.introduce(False)
            cache.clock = synced = SyncedClock(cache, self._loop, place.wall_s)
            place.spawn(synced.begin(), f"{place.name} clock")
        return cache

    def new_cache(self, name: str) -> PodCache:
        return SimulatedCache(self.redis, self._clock, pod=name)
