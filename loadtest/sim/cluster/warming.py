"""The warmers of virtual time: the service's own, each beside the pods with a cache and connections of its own."""

import asyncio

from app.warming.pace import Pace
from app.warming.warmer import Warmer
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.workload.scenario_tables import WarmingTable


class Warming:
    """The owner of a run's warmers. In the records they are the pods after the last one, and answer no request."""

    def __init__(self, cluster: Cluster, start_s: float) -> None:
        """Set up the warmers that the scenario states, if any, for a load that begins at `start_s`."""
        table = cluster.scenario.warming
        self._pods: list[SimulatedPod] = []
        self._warmers: list[Warmer] = []
        self._work: list[asyncio.Future[None]] = []
        for number in range(0 if table is None else table.warmers):
            assert table is not None
            pod = cluster.new_pod(cluster.scenario.pods + number)
            warmer = _warmer(cluster, pod, table, number, start_s)
            self._pods.append(pod)
            self._warmers.append(warmer)
            self._work.append(pod.run(asyncio.ensure_future, _warm(pod, warmer, start_s + table.at_s)))

    @property
    def not_ready(self) -> list[str]:
        """The warmers that were not ready in the end, each with its progress."""
        return [f"not ready: {one.progress}" for one in self._warmers if not one.progress.is_ready]

    async def aclose(self) -> None:
        """End the warmers, those too that are still at work. Raises what one of them died of."""
        for work in self._work:
            work.cancel()
        ended = await asyncio.gather(*self._work, return_exceptions=True)
        for pod in self._pods:
            await pod.aclose()
        for error in ended:
            if isinstance(error, Exception):
                raise error


def _warmer(cluster: Cluster, pod: SimulatedPod, table: WarmingTable, number: int, start_s: float) -> Warmer:
    scenario, plan = cluster.scenario, table.plan.counted_from(start_s + cluster.epoch_s)
    return Warmer(
        plan,
        scenario.stated(cluster.strategy),
        range(number, plan.keys or scenario.keys.count, table.warmers),
        pod.cache,
        pod.cache.clock,
        pod.origin.read,
        Pace(plan.rate_per_s),
        scenario.pod_settings(cluster.seed, pod.name).lease_ms / 1000,
        pod.name,
        cluster.seed,
    )


async def _warm(pod: SimulatedPod, warmer: Warmer, at_s: float) -> None:
    await asyncio.sleep(at_s - asyncio.get_running_loop().time())
    await pod.start()
    await warmer.run()
