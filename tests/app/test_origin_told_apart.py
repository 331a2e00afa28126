"""Reads asked for, started, failed and shed, told apart in the ledger, the metrics and the peak. In virtual time."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from app.ledger import Ledger, OriginRead, ReadOutcome
from app.metrics import Metrics
from app.pod import Pod
from app.settings import Settings
from app.strategy import Loader, LoadReason, Lookup, OriginFailed, Status, Strategy
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.cluster.slow_store import PodStore, SlowStore
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock

LATENCY_S = 0.1


class _Collapses(Strategy):
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        return await self.lab.flights.collapse(key, load, fresh_for_s=self.ttl_s)


class Watched:
    """An origin over a store of virtual time, and all that is told of it. Made in a running virtual loop."""

    def __init__(self, **changed: Any) -> None:
        told: dict[str, Any] = {"origin_latency": f"fixed({LATENCY_S * 1000})", "pod": "pod"}
        self.settings = Settings(**(told | changed))
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.ledger, self.metrics, self.store = Ledger(1_000), Metrics(), SlowStore(10, seed=1)
        cache, store = SimulatedCache(SimulatedRedis(self.clock), self.clock), PodStore(self.store, PauseGate())
        self.pod = Pod(self.settings, {"any": _Collapses}, cache, self.ledger, lambda: store, self.metrics)
        self.origin, self.runner = self.pod.origins["any"], self.pod.runners["any"]
        self.metrics.watch_pool("any", self.origin)

    async def read(self, times: int) -> list[object]:
        reads = (self.origin.read(number % 10, f"k{number}", LoadReason.MISS) for number in range(times))
        answers: list[object] = [*await asyncio.gather(*reads, return_exceptions=True)]
        await asyncio.sleep(60)  # the last one ends
        return answers

    @property
    def rows(self) -> list[OriginRead]:
        return list(self.ledger.page(0)["rows"])

    @property
    def outcomes(self) -> Counter[ReadOutcome]:
        return Counter(row.outcome for row in self.rows)

    def counted(self, name: str) -> float:
        """All samples of a counter, whatever their labels."""
        return sum(
            sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == f"lab_origin_{name}"
        )

    def counters(self) -> dict[str, float]:
        return {name: self.counted(f"{name}_total") for name in ("asked", "reads", "failures", "shed")}


def test_a_shed_read_was_asked_for_and_never_started() -> None:
    async def story() -> None:
        seen = Watched(origin_connections=2, origin_queue_max=3)
        asked_s = seen.clock.now_s()
        await seen.read(12)
        assert seen.outcomes == {ReadOutcome.OK: 5, ReadOutcome.SHED: 7}
        assert seen.counters() == {"asked": 12, "reads": 5, "failures": 0, "shed": 7}
        assert seen.counted("read_duration_seconds_count") == 5, "what was shed took no time of the origin"
        shed = [row for row in seen.rows if row.outcome is ReadOutcome.SHED]
        assert {(row.asked_s, row.started_s, row.ended_s) for row in shed} == {(asked_s, None, asked_s)}
        assert all(row.started_s is not None for row in seen.rows if row.outcome is ReadOutcome.OK)

    loop.run(story())


def test_the_peak_counts_who_was_let_in_and_nobody_else() -> None:
    async def story() -> None:
        seen = Watched(origin_connections=2, origin_queue_max=3)
        reads = [asyncio.create_task(seen.origin.read(1, "k", LoadReason.MISS)) for _ in range(12)]
        await asyncio.sleep(LATENCY_S / 2)
        assert seen.counted("reads_in_flight_peak") == 5
        await asyncio.gather(*reads, return_exceptions=True)

    loop.run(story())


def test_the_peak_of_a_pool_of_one_without_a_queue_is_one() -> None:
    async def story() -> None:
        seen = Watched(origin_connections=1, origin_queue_max=0)
        for _ in range(3):  # one read after the other, each with two that are shed beside it
            await asyncio.gather(*(seen.origin.read(1, "k", LoadReason.MISS) for _ in range(3)), return_exceptions=True)
            assert (seen.origin.peak, seen.counted("reads_in_flight_peak")) == (1, 1)
        assert seen.outcomes == {ReadOutcome.OK: 3, ReadOutcome.SHED: 6}

    loop.run(story())


def test_a_read_is_in_the_peak_of_every_second_that_it_lasts() -> None:
    async def story() -> None:
        seen = Watched(origin_latency="fixed(4400)")
        reading = asyncio.create_task(seen.read(1))
        peaks = []
        for _ in range(8):
            await asyncio.sleep(1)
            peaks.append(seen.origin.peak)
        assert peaks == [1, 1, 1, 1, 1, 0, 0, 0], "asked at 0.0 s, ended at 4.4 s, and told until the second after that"
        await reading

    loop.run(story())


def test_a_read_of_a_key_that_is_being_waited_for_is_asked_again_even_if_it_is_shed() -> None:
    async def story() -> None:
        seen = Watched(origin_connections=2, origin_queue_max=1)
        keys = ["a", "a", "b", "b", "a"]
        await asyncio.gather(*(seen.origin.read(1, key, LoadReason.MISS) for key in keys), return_exceptions=True)
        assert (seen.counted("asked_total"), seen.counted("asked_again_total")) == (5, 3)
        await seen.origin.read(1, "a", LoadReason.MISS)
        assert seen.counted("asked_again_total") == 3, "nobody waits any more"

    loop.run(story())


def test_a_read_that_was_given_up_is_not_what_the_next_one_repeats() -> None:
    async def story() -> None:
        seen = Watched(origin_timeout_ms=LATENCY_S * 1000 / 2)
        for _ in range(2):
            with pytest.raises(OriginFailed):
                await seen.origin.read(1, "k", LoadReason.MISS)
            assert seen.origin.reading == 1, "it goes on"
        assert seen.counted("asked_again_total") == 0
        await asyncio.sleep(60)

    loop.run(story())


def test_a_read_that_failed_was_started() -> None:
    async def story() -> None:
        seen = Watched()
        seen.store.fails_share = 1.0
        answers = await seen.read(4)
        assert all(isinstance(answer, OriginFailed) for answer in answers)
        assert seen.outcomes == {ReadOutcome.FAILED: 4}
        assert seen.counters() == {"asked": 4, "reads": 4, "failures": 4, "shed": 0}

    loop.run(story())


@pytest.mark.parametrize("fails", [False, True])
def test_a_late_read_is_written_down_as_it_ended_and_counts_as_one_failure(fails: bool) -> None:
    async def story() -> None:
        seen = Watched(origin_timeout_ms=LATENCY_S * 1000 / 2)
        seen.store.fails_share = float(fails)
        answers = await seen.read(3)
        assert all("origin_timeout_ms" in str(answer) for answer in answers)
        assert seen.outcomes == {ReadOutcome.FAILED if fails else ReadOutcome.OK: 3}
        assert seen.counters() == {"asked": 3, "reads": 3, "failures": 3, "shed": 0}
        assert {round(row.ended_s - row.asked_s, 6) for row in seen.rows} == {LATENCY_S}

    loop.run(story())


@pytest.mark.parametrize(
    ("bounds", "asked"),
    [({"flights_max": 1}, 1), ({"wait_ms_max": 20.0, "origin_latency": "fixed(5000)", "origin_timeout_ms": 9000.0}, 2)],
    ids=["flights_max", "wait_ms_max"],
)
def test_who_is_shed_by_a_bound_of_the_flights_asked_the_origin_nothing(bounds: dict[str, Any], asked: int) -> None:
    """One load a key at most: of two keys, ten requests each."""

    async def story() -> None:
        seen = Watched(**bounds)
        answers = await asyncio.gather(*(seen.runner.answer(number % 2) for number in range(20)))
        await asyncio.sleep(60)
        assert Status.SHED in {answer.status for answer in answers}
        assert seen.counters() == {"asked": asked, "reads": asked, "failures": 0, "shed": 0}
        await seen.pod.aclose()

    loop.run(story())
