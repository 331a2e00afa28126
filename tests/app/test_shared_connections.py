"""Reads that need a connection of their pod's and one that pods share, in virtual time.

The cases are about bounds, times and rows of the ledger.
"""

import asyncio
from functools import partial
from typing import Any

from app.discovery import discover
from app.latency import Latency
from app.ledger import Ledger, OriginRead, ReadOutcome
from app.metrics import Metrics
from app.pod import Pod
from app.pooler_client import AGAIN_S
from app.settings import Settings
from app.strategy import LoadReason, OriginFailed, Shed
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.pooler import VirtualPooler
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.cluster.slow_store import PodStore, SlowStore
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock

LATENCY_S, WAY_S = 0.1, 0.0001
SHARED = 2
STATIC = {"static": discover().strategies["static"]}


class Pods:
    """Of one strategy, over one store and one pooler. Made in a running virtual loop."""

    def __init__(self, pods: int, **changed: Any) -> None:
        running = asyncio.get_running_loop()
        self.ledger, self.store, self.metrics = Ledger(10_000), SlowStore(10, seed=1), Metrics()
        self.pooler = VirtualPooler(running, Latency.parse(f"fixed({WAY_S * 1000})"), seed=1)
        self.attempts = 0
        told: dict[str, Any] = {"origin_latency": f"fixed({LATENCY_S * 1000})", "origin_connections_shared": SHARED}
        self.pods = []
        for number in range(pods):
            settings, clock = Settings(**{"pod": f"pod-{number}", **told, **changed}), VirtualClock(running)
            cache, new_store = SimulatedCache(SimulatedRedis(clock), clock), partial(PodStore, self.store, PauseGate())
            pod = Pod(settings, STATIC, cache, self.ledger, new_store, self.metrics, self._connect)
            self.metrics.watch_pool("static", pod.origins["static"])
            self.pods.append(pod)
        self.origins = [pod.origins["static"] for pod in self.pods]

    async def _connect(self, make: Any) -> object:
        self.attempts += 1
        return await self.pooler.connect(make)

    async def read(self, times: int) -> list[object]:
        """So many at once, from the pods in turn."""
        reads = (
            self.origins[number % len(self.origins)].read(number % 10, f"k{number}", LoadReason.MISS)
            for number in range(times)
        )
        return [*await asyncio.gather(*reads, return_exceptions=True)]

    async def aclose(self) -> None:
        for pod in self.pods:
            await pod.aclose()

    @property
    def rows(self) -> list[OriginRead]:
        return list(self.ledger.page(0)["rows"])

    def gauge(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"lab_origin_{name}", {"strategy": "static"})


def most_at_once(rows: list[OriginRead]) -> int:
    """Reads that had a connection."""
    changes = [(at_s, step) for row in rows if row.started_s for at_s, step in ((row.started_s, 1), (row.ended_s, -1))]
    under_way = most = 0
    for _, step in sorted(changes):
        under_way += step
        most = max(most, under_way)
    return most


def test_pods_with_enough_of_their_own_share_what_there_is_in_order() -> None:
    async def story() -> None:
        pods = Pods(4, origin_connections=8)
        await pods.read(4)  # all have joined
        began_s = asyncio.get_running_loop().time()
        await pods.read(12)
        rows = pods.rows[4:]
        assert {row.outcome for row in rows} == {ReadOutcome.OK}
        assert most_at_once(rows) == SHARED
        by_start = sorted(rows, key=lambda row: row.started_s or 0)
        assert [row.key for row in by_start] == [f"k{number}" for number in range(12)]
        assert all(row.started_s and row.started_s > row.asked_s for row in rows), "started with both, not with one"
        rounds = 12 / SHARED
        took_s = max(row.ended_s for row in rows) - began_s
        assert rounds * LATENCY_S < took_s < rounds * (LATENCY_S + 2 * WAY_S) + WAY_S
        await pods.aclose()

    loop.run(story())


def test_a_pod_holds_no_more_than_its_own_connections_of_those_that_are_shared() -> None:
    async def story() -> None:
        pods = Pods(2, origin_connections=1)
        reads = [asyncio.create_task(pods.origins[0].read(1, f"k{number}", LoadReason.MISS)) for number in range(4)]
        await asyncio.sleep(LATENCY_S / 2)
        assert (pods.origins[0].reading, pods.origins[0].waiting) == (1, 3)
        (pool,) = pods.pooler.pooler.pools.values()
        assert not pool.waiting, "it asks for one with a connection of its own in hand"
        await pods.origins[1].read(1, "other", LoadReason.MISS)
        assert pods.rows[1].key == "other", "which leaves the other one to somebody else"
        await asyncio.gather(*reads)
        await pods.aclose()

    loop.run(story())


def test_waiting_for_a_shared_connection_is_waiting() -> None:
    async def story() -> None:
        pods = Pods(1, origin_connections=8, origin_queue_max=2)
        reads = [asyncio.create_task(pods.origins[0].read(1, "k", LoadReason.MISS)) for _ in range(11)]
        await asyncio.sleep(LATENCY_S / 2)
        assert (pods.gauge("reads_in_flight"), pods.gauge("readers_waiting")) == (SHARED, 8)
        assert (pods.gauge("connections"), pods.gauge("connections_shared")) == (8, SHARED)
        assert pods.gauge("shed_total") == 1
        answers = await asyncio.gather(*reads, return_exceptions=True)
        assert sum(isinstance(answer, Shed) for answer in answers) == 1
        assert pods.gauge("readers_waiting") == 0
        await pods.aclose()

    loop.run(story())


def test_who_is_late_leaves_the_queue_and_is_written_down_as_never_started() -> None:
    async def story() -> None:
        pods = Pods(2, origin_connections=2, origin_timeout_ms=LATENCY_S * 1500)
        answers = await pods.read(8)
        failed = [str(answer) for answer in answers if isinstance(answer, OriginFailed)]
        # one round in time, one that is late with its connections, and who had none of their pod's by then
        assert len(failed) == 6
        assert any(
            "none of the connections that pods share within 0.15 s (origin_timeout_ms)" in text for text in failed
        )
        await asyncio.sleep(60)
        unstarted = [row for row in pods.rows if row.started_s is None]
        assert len(pods.rows) == 8
        assert {row.outcome for row in unstarted} == {ReadOutcome.FAILED}
        assert len(unstarted) == 4
        assert pods.gauge("failures_total") == 6
        assert [(origin.reading, origin.waiting) for origin in pods.origins] == [(0, 0), (0, 0)]
        assert pods.pooler.left() == []
        await pods.aclose()

    loop.run(story())


def test_without_its_pooler_a_read_fails_in_its_own_time_by_name_and_nobody_spins() -> None:
    async def story() -> None:
        pods = Pods(1, origin_connections=2, origin_timeout_ms=1_000)
        pods.pooler.go_away()
        began_s = asyncio.get_running_loop().time()
        answers = await pods.read(6)
        took_s = asyncio.get_running_loop().time() - began_s
        assert took_s == 1.0
        assert [isinstance(answer, OriginFailed) for answer in answers] == [True] * 6
        assert "their pooler is away (refused)" in str(answers[0])
        assert pods.gauge("failures_total") == 6
        assert pods.attempts <= 1 + took_s / AGAIN_S
        pods.pooler.come_back()
        await asyncio.sleep(2 * AGAIN_S)
        assert not any(isinstance(answer, Exception) for answer in await pods.read(4))
        await pods.aclose()

    loop.run(story())


def test_a_read_whose_pod_ends_while_it_waits_holds_nothing() -> None:
    async def story() -> None:
        pods = Pods(2, origin_connections=4)
        waiting = [asyncio.create_task(pods.origins[0].read(1, "k", LoadReason.MISS)) for _ in range(4)]
        await asyncio.sleep(LATENCY_S / 2)
        for task in waiting:
            task.cancel()
        await pods.origins[0].aclose()
        await asyncio.sleep(1)
        assert (pods.origins[0].reading, pods.origins[0].waiting, pods.pooler.left()) == (0, 0, [])
        answers = [pods.origins[1].read(1, f"k{number}", LoadReason.MISS) for number in range(SHARED)]
        assert len(await asyncio.gather(*answers)) == SHARED
        await pods.aclose()

    loop.run(story())
