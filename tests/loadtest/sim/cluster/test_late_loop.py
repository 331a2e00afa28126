"""A pod that is late, and a Redis that is well: what one second's stall of the loop costs, now and before."""

import pytest

from app.discovery import discover
from loadtest.sim.cluster.simulate import Simulated, simulate
from loadtest.workload.scenario import Scenario
from tests.loadtest.sim import policy_of_before

STRATEGIES = discover().strategies
KEYS, BLOCKED_AT_S, BLOCKED_S, DURATION_S = 200, 5.0, 1.0, 20.0
every_strategy = pytest.mark.parametrize("strategy", ["static", "singleflight"])


def stalled(strategy: str) -> Simulated:
    """A pod at two fifths of its CPU, whose loop is blocked for a second. Nothing expires, and Redis is well."""
    scenario = Scenario.model_validate(
        {
            "name": "stall",
            "title": "A pod's loop is blocked for a second",
            "duration_s": DURATION_S,
            "pods": 1,
            "load": {"loop": "open", "rate_per_s": 400},
            "keys": {"count": KEYS},
            "cache": {"ttl_s": 60},
            "origin": {"latency": "fixed(50)", "connections": 64},
            "warm": {"keys": "burst", "lead_s": 3},
            "faults": [{"kind": "loop-blocked", "pod": 0, "at_s": BLOCKED_AT_S, "for_s": BLOCKED_S}],
            "virtual": {"redis": "fixed(0.5)", "service_us": 1_000, "load_us": 4_000},
        }
    )
    return simulate(scenario, STRATEGIES[strategy], seed=1)


def reads_after_stall(run: Simulated, from_s: float = BLOCKED_AT_S) -> float:
    series = run.series
    return float(series.origin_reads[series.time_s >= from_s].sum() * series.bin_s)


@every_strategy
def test_a_stall_of_the_loop_costs_waiting_and_nothing_else(strategy: str) -> None:
    run = stalled(strategy)
    assert run.violation is None
    assert (run.row.incidents, run.row.valid, run.row.errors) == ([], True, 0)
    assert reads_after_stall(run) == 0
    assert run.row.hit_ratio == 1
    assert (run.row.p99_ms or 0.0) > 1_000 * BLOCKED_S / 2  # it was late indeed


@every_strategy
def test_the_policy_of_before_never_recovered_from_it(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads that a healthy Redis would have saved make the loop late, and the late loop takes Redis for away again."""
    policy_of_before.plant(monkeypatch)
    run = stalled(strategy)
    assert run.violation is not None
    assert reads_after_stall(run) > 2 * KEYS
    last_s = DURATION_S - 5
    assert reads_after_stall(run, last_s) > KEYS / 2, "it is over long ago"
    assert (run.row.hit_ratio or 0.0) < 0.7
    assert not run.row.valid
    assert any(incident.startswith("failed commands to Redis:") for incident in run.row.incidents)
