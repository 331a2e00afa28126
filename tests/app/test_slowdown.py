"""An origin that slows down with the reads under way: the law, and what counts as under way, in virtual time."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from app.slowdown import Slowdown
from app.strategy import LoadReason, OriginFailed
from loadtest.sim.kernel import loop
from tests.app.test_shared_connections import LATENCY_S, WAY_S, Pods

KNEE, PER_READ, TIMES_MAX = 2, 0.5, 3.0
SLOWDOWN = Slowdown(knee=KNEE, per_read=PER_READ, times_max=TIMES_MAX)
TIMES = [1.0, 1.0, 1.5, 2.0, 2.5, 3.0, 3.0, 3.0]
"""The factors on the latencies of eight reads that begin one after the other."""


def slowing(pods: int, **changed: Any) -> Pods:
    return Pods(pods, **{"origin_slowdown": SLOWDOWN, "origin_connections_shared": 100, **changed})


def lasted(pods: Pods) -> list[float]:
    """The durations of all reads that had a connection, in latencies, in the order of their beginning."""
    started = sorted((row.started_s, row.ended_s) for row in pods.rows if row.started_s is not None)
    return [round((ended_s - started_s) / LATENCY_S, 6) for started_s, ended_s in started]


def test_the_latency_is_level_then_linear_then_level_again() -> None:
    assert [SLOWDOWN.times(under_way) for under_way in range(1, 9)] == TIMES


@pytest.mark.parametrize(("per_read", "falls"), [(0.5, True), (0.02, False)])
def test_throughput_collapses_where_a_read_adds_more_than_one_over_the_knee(per_read: float, falls: bool) -> None:
    slowdown, latency_s = Slowdown(knee=10, per_read=per_read, times_max=100), 0.2
    at_knee, above, far_above = (slowdown.reads_per_s(reads, latency_s) for reads in (10, 30, 150))
    assert at_knee == 10 / latency_s
    assert (above < at_knee) is falls
    assert far_above == pytest.approx(1 / (per_read * latency_s), rel=0.25)
    assert slowdown.reads_per_s(1_000_000, latency_s) == 1_000_000 / (latency_s * 100), "bounded by times_max"


@pytest.mark.parametrize("number", [1, 2, 4])
def test_reads_of_all_pods_count(number: int) -> None:
    async def story() -> None:
        pods = slowing(number)
        await pods.read(number)  # all have joined
        joined = len(pods.rows)
        await pods.read(len(TIMES))
        assert lasted(pods)[joined:] == TIMES
        await pods.aclose()

    loop.run(story())


def test_a_pod_that_shares_no_connections_counts_its_own_reads() -> None:
    async def story() -> None:
        pods = Pods(1, origin_slowdown=SLOWDOWN)
        pods.origins[0]._shared = None
        await pods.read(len(TIMES))
        assert lasted(pods) == TIMES
        await pods.aclose()

    loop.run(story())


@pytest.mark.parametrize("gives_up", ["cancelled", "timed out"])
def test_a_read_whose_caller_gave_up_goes_on_and_counts(gives_up: str) -> None:
    async def story() -> None:
        pods = slowing(2, origin_timeout_ms=5_000 if gives_up == "cancelled" else LATENCY_S * 500)
        left = [asyncio.create_task(pods.origins[0].read(1, f"k{n}", LoadReason.MISS)) for n in range(4)]
        await asyncio.sleep(LATENCY_S * 0.75)
        for task in left:
            task.cancel()
        await asyncio.wait(left)
        with suppress(OriginFailed):  # the fifth, from another pod, while the first four are still under way
            await pods.origins[1].read(1, "k", LoadReason.MISS)
        await asyncio.sleep(1)
        assert lasted(pods) == TIMES[:5]
        assert pods.pooler.left() == []
        await pods.aclose()

    loop.run(story())


def test_while_reads_queue_for_a_connection_only_those_under_way_slow_the_others() -> None:
    async def story() -> None:
        pods = slowing(2, origin_connections_shared=4)
        await pods.read(40)
        assert max(lasted(pods)) == TIMES[3]
        await pods.aclose()

    loop.run(story())


def test_the_count_takes_no_longer_than_asking_the_pooler() -> None:
    async def story() -> None:
        pods = slowing(2)
        await pods.read(2)
        before_s = asyncio.get_running_loop().time()
        await pods.read(1)
        assert asyncio.get_running_loop().time() - before_s <= LATENCY_S + 2 * WAY_S + 1e-9
        await pods.aclose()

    loop.run(story())
