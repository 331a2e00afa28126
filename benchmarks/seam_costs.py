"""The cost of the seams on the hit path: CPU per hit with and without, alternating in one process over a real Redis.

Each round has every variant answer the same number of hits, in an order that turns. So other work on the machine falls
on all of them alike, and the ratios within a round hold where the figures drift.
"""

import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from redis.asyncio import Redis

from app.cache import RedisCache
from app.metrics import Metrics
from app.peers.peers import PeerBounds, PodPeers
from app.strategy import Lab, Loaded, Loader, LoadReason, Lookup, Status, Strategy
from app.strategy_runner import StrategyRunner
from loadtest.workload.stated_settings import StatedSettings
from loadtest.worlds.child_processes import Children
from loadtest.worlds.redis_process import start_redis

AT_ONCE = 64
TTL_S = 3_600.0
WINDOW_S = 10.0
COPIES_MAX = 1_000_000


class HitOnly(Strategy):
    """Looks up, as every strategy does on a hit."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        return Lookup(Status.MISS, await self.lab.store(key, await load(LoadReason.MISS), self.ttl_s))


class CountsHits(HitOnly):
    """Counts each access, too."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        self.lab.cache.count(key, WINDOW_S)
        return await super().get_or_load(key, load)


class ReadsASetting(HitOnly):
    """Reads a setting of the key, too."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        self.lab.cache.setting(key, "ttl_s")
        return await super().get_or_load(key, load)


class CallsOnce(HitOnly):
    """Goes one call deeper, as the other two do: what is left of their difference to this one is the seam's."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        return await super().get_or_load(key, load)


class AnswersFromACopy(HitOnly):
    """Answers from the pod's own copy, and asks the cache where there is none."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._tier = lab.local_tier(COPIES_MAX, "pubsub")

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = self._tier.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        lookup = await super().get_or_load(key, load)
        self._tier.put(key, lookup.entry)
        return lookup


VARIANTS: dict[str, type[Strategy]] = {
    "a hit": HitOnly,
    "one call deeper": CallsOnce,
    "with a count": CountsHits,
    "with a setting": ReadsASetting,
    "from a copy": AnswersFromACopy,
}


class SeamCost(NamedTuple):
    """The cost of a hit of one variant: medians over the rounds."""

    what: str
    pod_us: float
    redis_us: float
    against_a_hit: float
    """The ratio of the pod's CPU to that of a hit of the same round."""


async def measure_seams(hits: int, rounds: int, keys: int) -> list[SeamCost]:
    """Measure every variant over a Redis of its own. Raises `WorldFailed` where that does not start."""
    async with AsyncExitStack() as owned:
        folder = Path(owned.enter_context(tempfile.TemporaryDirectory()))
        children = await owned.enter_async_context(Children())
        url = (await start_redis(children, folder)).url
        admin = await owned.enter_async_context(Redis.from_url(url))
        settings, metrics = StatedSettings(redis_url=url, ttl_s=TTL_S, key_space=keys, items=keys), Metrics()
        cache = RedisCache(settings, metrics)
        await cache.start()
        owned.push_async_callback(cache.aclose)
        await cache.set_setting("lab:", "ttl_s", TTL_S, TTL_S)
        clock = cache.clock
        alone = PodPeers(settings.pod, PeerBounds.of(settings), clock.monotonic_s)
        runners = {
            what: StrategyRunner(strategy, settings, cache, clock, _Items(cache), metrics.runner(what), "here", alone)
            for what, strategy in VARIANTS.items()
        }
        rows: dict[str, list[tuple[float, float]]] = {what: [] for what in VARIANTS}
        for number in range(-1, rounds):  # the first one warms up
            order = [*VARIANTS][number % len(VARIANTS) :] + [*VARIANTS][: number % len(VARIANTS)]
            for what in order:
                took = await _answer(runners[what], hits, keys, admin)
                if number >= 0:
                    rows[what].append(took)
        for runner in runners.values():
            await runner.aclose()
    return [
        SeamCost(
            what,
            1e6 * statistics.median(pod_s for pod_s, _ in row),
            1e6 * statistics.median(redis_s for _, redis_s in row),
            statistics.median(mine[0] / plain[0] for mine, plain in zip(row, rows["a hit"], strict=True)),
        )
        for what, row in rows.items()
    ]


class _Items:
    """An origin that answers at once."""

    def __init__(self, cache: RedisCache) -> None:
        self._clock = cache.clock

    async def __call__(self, item_id: int, key: str, reason: LoadReason) -> Loaded:
        return Loaded(b'{"id": %d, "text": "%s"}' % (item_id, b"x" * 512), self._clock.now_s(), 0.001)


async def _answer(runner: StrategyRunner, hits: int, keys: int, admin: Redis) -> tuple[float, float]:
    """The CPU seconds for each of these hits, of this process and of Redis."""

    async def client(number: int) -> None:
        for turn in range(number, hits, AT_ONCE):
            await runner.answer(turn % keys)

    redis_s, began_s = await _redis_cpu_s(admin), time.process_time()
    await asyncio.gather(*map(client, range(AT_ONCE)))
    took_s = time.process_time() - began_s
    return took_s / hits, (await _redis_cpu_s(admin) - redis_s) / hits


async def _redis_cpu_s(admin: Redis) -> float:
    used = await admin.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])
