"""The tuner of virtual time: the rounds of the real one, over the simulated pods' counters and the simulated Redis."""

from collections.abc import Mapping

from app.pod import PodCache
from app.tasks import Tasks
from app.tuner.policy import TtlPolicy
from app.tuner.rates import CounterRates, MetricsAway
from app.tuner.tuner import Tuner
from loadtest.sim.cluster.cluster import Cluster


class Tuning:
    """The tuner of a run, from now on until it is closed; none where the scenario states none."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._rates, self._tasks = cluster, CounterRates(), Tasks()
        self._cache: PodCache | None = None
        if (stated := cluster.scenario.tuner) is not None:
            self._cache = cache = cluster.depth.new_cache("tuner")
            policy = TtlPolicy(cluster.scenario.cache.ttl_s)
            tuner = Tuner(self._look, policy, cache, stated.every_s, monotonic_s=cluster.loop.time)
            self._tasks.spawn(_run(cache, tuner), "tuner")

    async def aclose(self) -> None:
        await self._tasks.aclose()
        if self._cache is not None:
            await self._cache.aclose()

    async def _look(self) -> Mapping[str, float]:
        """The rates by prefix, of pods that are up and do not stand still. Raises `MetricsAway` where there is none."""
        answering = [pod for pod in self._cluster.pods if pod.is_up and pod.gate.is_open]
        if not answering:
            raise MetricsAway("no pod answers")
        counts = {pod.name: pod.requests_by_prefix for pod in answering}
        return self._rates.look(counts, self._cluster.loop.now_s)


async def _run(cache: PodCache, tuner: Tuner) -> None:
    await cache.start()
    await tuner.run()
