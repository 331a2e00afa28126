"""The cluster over the wire: the service's own cache gives the figures of the simulated one, and faults reach it."""

from collections import Counter
from statistics import median
from typing import Any

import pytest
from typer.testing import CliRunner

from app.strategy import Status
from loadtest.cli import app
from loadtest.figures.run_summary import RunSummary
from loadtest.sim.cluster.cluster import ClusterReady
from loadtest.sim.cluster.events import (
    EntryDeleted,
    EntryRead,
    EntryStored,
    KeyMarked,
    LockAsked,
    LockReleased,
    RedisLeftAlone,
    Subscriber,
)
from loadtest.sim.cluster.simulate import rare_collections, simulate
from loadtest.sim.cluster.wire_depth import WireDepth
from loadtest.workload.scenario import Scenario, read_scenario
from loadtest.workload.seeds import run_seed
from tests.loadtest.sim.drill import AT_S, FOR_S, LOAD_S, STRATEGIES, Drill, fault, workload

SEEDS = [run_seed(1, repeat) for repeat in (1, 2)]
WIRE: dict[str, Any] = {"wire": True}
TIMEOUT_S, LEASE_S = 0.25, 1.0
"""The defaults of `redis_timeout_ms` and `lease_ms`."""
SAME_READS, SAME_PEAK, SAME_P99, SAME_SHARE = 0.05, 2, 0.05, 0.005
"""The differences that the noise of two seeds leaves: shares, and reads in a second."""


def rows(strategy: str, scenario: Scenario) -> list[RunSummary]:
    with rare_collections():
        return [simulate(scenario, STRATEGIES[strategy], seed).row for seed in SEEDS]


@pytest.mark.parametrize("strategy", ["static", "jitter", "singleflight", "swr", "xfetch"])
def test_the_services_own_cache_over_the_wire_gives_the_figures_of_the_simulated_one(strategy: str) -> None:
    scenario = read_scenario("hot-key", duration_s=8)
    seam, wire = rows(strategy, scenario), rows(strategy, scenario.over_wire())
    assert [one.requests for one in seam] == [one.requests for one in wire]
    assert all(one.valid and not one.errors and not one.wrong_answers for one in wire)

    for figure, share, more in (
        ("origin_reads", SAME_READS, 1),
        ("origin_peak_1s", 0.0, SAME_PEAK),
        ("hit_ratio", 0.0, SAME_SHARE),
        ("p50_ms", 0.0, 0.01),
        ("p99_ms", SAME_P99, 1.0),
    ):
        simulated, real = (median(getattr(one, figure) or 0.0 for one in many) for many in (seam, wire))
        assert abs(real - simulated) <= share * simulated + more, (figure, simulated, real)
    for status in Status:
        simulated, real = (share_of(status, many) for many in (seam, wire))
        assert abs(simulated - real) <= SAME_SHARE, (status, simulated, real)


def share_of(status: Status, many: list[RunSummary]) -> float:
    return sum(one.statuses.get(status, 0) for one in many) / sum(one.requests for one in many)


def test_the_same_seed_gives_the_same_run_over_the_wire() -> None:
    scenario = read_scenario("hot-key", duration_s=4).over_wire()
    first, second = (simulate(scenario, STRATEGIES["singleflight"], 7).row.trace for _ in range(2))
    assert first == second


def test_commands_are_counted_over_the_wire_and_only_there() -> None:
    scenario = read_scenario("hot-key", duration_s=6)
    assert simulate(scenario, STRATEGIES["static"], 7).row.commands_per_request is None
    row = simulate(scenario.over_wire(), STRATEGIES["static"], 7).row
    # a look-up, and a SET of each load; the look-ups of one moment are one command; besides, three clocks are kept
    loads_share = row.origin_reads / row.requests
    assert row.commands_per_request is not None
    assert 0.95 + loads_share < row.commands_per_request < 1.02 + loads_share


@pytest.mark.parametrize("strategy", ["singleflight", "swr"])
@pytest.mark.parametrize(
    "broken",
    [
        fault("cache-away"),
        fault("cache-paused"),
        fault("cache-silent", arrive=True),
        fault("cache-resets", share=0.3),
        fault("cache-refuses", error="LOADING"),
        fault("cache-refuses", error="MOVED"),
        fault("cache-refuses", error="NOPERM", commands=["lock"]),
        fault("cache-sliced", bytes=7, ms=1),
        fault("cache-reads-slowly", bytes_per_s=500),
        fault("cache-full", policy="noeviction"),
        fault("connections-dead", pod=1),
        fault("subscription-dead", pod=1),
    ],
    ids=lambda broken: "-".join(map(str, broken.values())),
)
def test_a_fault_of_redis_costs_no_answer_and_breaks_no_invariant(strategy: str, broken: dict[str, Any]) -> None:
    drill = Drill(strategy, broken, virtual=WIRE, top={"duration_s": 16.0})
    assert drill.success(to_s=16.0) == 1, drill.story
    # a lock that is executed for a caller who has gone is nobody's until its lease is over
    assert drill.latency_s.max() <= 2 * TIMEOUT_S + LEASE_S + 2 * LOAD_S, drill.story


@pytest.mark.parametrize("error", ["READONLY", "OOM", "BUSY", "LOADING", "MOVED"])
def test_an_error_of_redis_costs_as_many_loads_over_the_wire_as_in_the_simulated_cache(error: str) -> None:
    refuses = fault("cache-refuses", error=error)
    seam, wire = (simulate(workload(refuses, virtual=virtual), STRATEGIES["swr"], 1).row for virtual in ({}, WIRE))
    assert wire.origin_reads == seam.origin_reads


def test_a_stopped_pod_goes_on_where_it_was_and_its_clients_wait() -> None:
    drill = Drill("singleflight", fault("pod-paused", pod=0), virtual=WIRE, top={"duration_s": 16.0})
    assert drill.success(to_s=16.0) == 1
    waited = drill.latency_s[drill.pod == 0][drill.asked(AT_S, AT_S + FOR_S)[drill.pod == 0]]
    assert waited.min() >= 0
    assert FOR_S - 0.5 < waited.max() <= FOR_S + LOAD_S + 0.1


def test_a_killed_pod_says_nothing_more_and_the_next_one_is_told_apart() -> None:
    clusters: list[Any] = []
    hosts: list[list[str]] = []

    def ready(event: ClusterReady) -> None:
        clusters.append(event.cluster)
        for at_s in (AT_S + 1, AT_S + FOR_S + 1):
            event.cluster.loop.call_at(at_s, look)

    def look() -> None:
        depth = clusters[0].depth
        assert isinstance(depth, WireDepth)
        hosts.append(sorted({end.host for end in depth.redis.server.port.connections()}))

    killed = workload(fault("pod-killed", pod=1), virtual=WIRE, top={"duration_s": 14.0})
    outcome = simulate(killed, STRATEGIES["swr"], 1, observers=[Subscriber({ClusterReady: ready})])
    assert outcome.violation is None
    while_away, after = ([host.partition("#")[0] for host in seen] for seen in hosts)
    assert while_away == ["pod-1", "pod-3"]
    assert after == ["pod-1", "pod-2", "pod-3"]
    assert len({*hosts[1]} - {*hosts[0]}) == 1


def test_what_redis_executes_is_told_as_the_simulated_one_tells_it() -> None:
    kinds = (EntryRead, EntryStored, EntryDeleted, LockAsked, LockReleased, KeyMarked)

    def told(virtual: dict[str, Any]) -> Counter[str]:
        seen: Counter[str] = Counter()

        def count(event: object) -> None:
            seen[type(event).__name__] += 1

        failing = workload(
            fault("origin-fails", share=0.5),
            virtual=virtual,
            top={"duration_s": 12.0, "nets": {"failure_mark_ms": 50}, "writes": {"rate_per_s": 5}},
        )
        outcome = simulate(failing, STRATEGIES["singleflight"], 1, observers=[Subscriber(dict.fromkeys(kinds, count))])
        assert outcome.violation is None
        return seen

    seam, wire = told({}), told(WIRE)
    assert {*seam} == {*wire} == {kind.__name__ for kind in kinds}
    for kind, count in seam.items():
        assert wire[kind] == pytest.approx(count, rel=0.1, abs=3), (kind, seam, wire)


def test_a_redis_that_is_away_is_left_alone_and_the_failed_commands_are_counted() -> None:
    left: list[str] = []
    alone = Subscriber({RedisLeftAlone: lambda event: left.append(event.pod)})
    away = workload(fault("cache-away"), virtual=WIRE, top={"duration_s": 14.0})
    row = simulate(away, STRATEGIES["static"], 1, observers=[alone]).row
    assert {*left} == {"pod-1", "pod-2", "pod-3"}
    assert row.valid  # the fault explains them


def test_a_redis_that_reads_slowly_is_asked_for_less_and_caught_up_with() -> None:
    slow = fault("cache-reads-slowly", bytes_per_s=500)
    drill = Drill("static", slow, virtual=WIRE, top={"duration_s": 16.0})
    well = Drill("static", virtual=WIRE, top={"duration_s": 16.0})
    assert drill.reads(AT_S, AT_S + FOR_S) > 2 * well.reads(AT_S, AT_S + FOR_S)  # what cannot be looked up is loaded
    back_s = AT_S + FOR_S + 2
    assert drill.share(Status.HIT, back_s, 16.0) >= 0.9 * well.share(Status.HIT, back_s, 16.0)


def test_clocks_that_are_apart_are_each_pods_own_over_the_wire() -> None:
    drill = Drill("swr", fault("clock-apart", pod=0, by_s=20), virtual=WIRE, top={"duration_s": 14.0})
    assert drill.success(to_s=14.0) == 1
    assert drill.row.origin_reads == Drill("swr", virtual=WIRE, top={"duration_s": 14.0}).row.origin_reads


def test_the_option_is_recorded_with_the_run(tmp_path: Any) -> None:
    asked = [
        "sim",
        "--wire",
        "--scenario",
        "hot-key",
        "--duration",
        "2",
        "--strategies",
        "swr",
        "--workers",
        "1",
        "--no-reference",
    ]
    said = CliRunner().invoke(app, [*asked, "--results", str(tmp_path)])
    assert said.exit_code == 0, said.output
    (kept,) = tmp_path.glob("*-hot-key/scenario.json")
    assert read_scenario(str(kept)).virtual.wire
