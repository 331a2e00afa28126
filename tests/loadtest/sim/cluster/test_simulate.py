"""The same seed gives the same run to the last byte, wherever it is run."""

import os
import subprocess
import sys
import tracemalloc

import pytest

from app.discovery import discover
from benchmarks.virtual_time import Bench, measure_here, measure_obvious
from loadtest import ROOT
from loadtest.sim.cluster.simulate import Simulated, simulate
from loadtest.workload.scenario import read_scenario
from tests.traces import traces

STRATEGIES = discover().strategies


def played(scenario: str = "hot-key", strategy: str = "xfetch", seed: int = 7, **changes: object) -> Simulated:
    return simulate(read_scenario(scenario, duration_s=10, **changes), STRATEGIES[strategy], seed)


def traces_elsewhere(hash_seed: str) -> list[str]:
    """In a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "tests.traces"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return ended.stdout.splitlines()


def test_the_same_seed_gives_the_same_trace_in_every_process() -> None:
    here = traces()
    assert traces_elsewhere("1") == traces_elsewhere("2") == [f"{run}: {trace}" for run, trace in here.items()]
    told_apart = {run: trace for run, trace in here.items() if not run.endswith(" tiered")}
    assert len(set(told_apart.values())) == len(told_apart), "where Redis takes no time, copies change no answer"


def test_another_seed_gives_another_trace() -> None:
    assert played(seed=7).row.trace != played(seed=8).row.trace


def test_whatever_is_asked_for_in_another_order_at_one_moment_breaks_nothing() -> None:
    for seed in range(5):
        outcome = simulate(read_scenario("hot-key", duration_s=10), STRATEGIES["singleflight"], 7, shuffle_seed=seed)
        assert outcome.violation is None
        assert outcome.row.origin_reads < 40


def test_a_run_keeps_every_invariant_and_answers_every_request() -> None:
    for name in STRATEGIES:
        row, _, violation = played(strategy=name)
        assert violation is None
        assert (row.valid, row.errors, row.wrong_answers) == (True, 0, 0)
        assert sum(row.statuses.values()) == row.requests


def test_an_open_loop_sends_what_its_rate_says_however_slow_the_answers() -> None:
    load = {"loop": "open", "rate_per_s": 200}
    slow = {"latency": "fixed(2000)", "connections": 4}
    row = played(strategy="static", load=load, origin=slow).row
    assert row.loop == "open"
    assert row.requests == pytest.approx(2_000, rel=0.1)


def test_what_an_open_loop_cannot_send_is_told() -> None:
    load = {"loop": "open", "rate_per_s": 200, "in_flight_max": 5}
    row = played(strategy="static", load=load, origin={"latency": "fixed(2000)", "connections": 4}).row
    assert not row.valid
    assert "requests were not sent: in_flight_max (5)" in row.incidents[0]


def test_a_pod_whose_cpu_is_full_makes_its_clients_wait() -> None:
    load = {"loop": "open", "rate_per_s": 300}
    idle = played(load=load, pods=1, virtual={"service_us": 100}).row
    full = played(load=load, pods=1, virtual={"service_us": 3_200}).row
    assert (full.p50_ms or 0.0) > 20 * (idle.p50_ms or 1.0)


def test_the_network_counts_twice() -> None:
    assert played(virtual={"network": "fixed(7)"}).row.p50_ms == pytest.approx(14, rel=0.01)
    assert played(virtual={"network": "uniform(5, 9)"}).row.p50_ms == pytest.approx(14, rel=0.05)


def test_redis_takes_its_time() -> None:
    assert played(virtual={"network": "fixed(0)", "redis": "fixed(3)"}).row.p50_ms == pytest.approx(3, rel=0.01)


def test_memory_does_not_grow_with_the_requests() -> None:
    def most_bytes(duration_s: float) -> int:
        scenario = read_scenario("jitterbug", duration_s=duration_s)
        tracemalloc.start()
        try:
            assert simulate(scenario, STRATEGIES["static"], 1).row.requests > 5_000 * duration_s
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert most_bytes(26) < 1.2 * most_bytes(13)


def test_virtual_time_is_faster_than_a_task_and_a_timer_for_each_request() -> None:
    bench = Bench("Jitterbug's load", read_scenario("jitterbug", duration_s=6), "static")
    speeds = [[measure_here(bench, 1), measure_obvious(bench, 1)] for _ in range(2)]
    here, obvious = (max(speed.per_cpu_s for speed in of_a_kind) for of_a_kind in zip(*speeds, strict=True))
    assert here > 4 * obvious
