"""The gates of a service: the advised strategy keeps them in virtual time, and the baseline breaks them."""

import pytest

from app.discovery import discover
from loadtest.figures.run_summary import RunSummary
from loadtest.sim.cluster.simulate import simulate
from loadtest.studies.advise.gates_of_service import gate_script, gates_for
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.small_service import scaled, small
from loadtest.workload.gate import parse_gate
from loadtest.workload.scenario import Scenario

SERVICE = Service(keys=500, rate_per_s=3000, ttl_s=60, origin="fixed(350)", zipf=1.0, pool=20, pods=8, max_age_s=90)


def rows_of(scenario: Scenario, strategy: str, seeds: range) -> list[RunSummary]:
    return [simulate(scenario, discover().strategies[strategy], seed).row for seed in seeds]


def broken(scenario: Scenario, row: RunSummary) -> list[str]:
    """The gates that a run does not keep."""
    found = []
    for text in scenario.gates:
        gate = parse_gate(text)
        value = getattr(row, gate.term.figure)
        if value is not None and value > gate.bound:
            found.append(text)
    return found


def test_the_advised_strategy_keeps_its_gates_with_a_new_seed_and_the_baseline_breaks_them() -> None:
    found = discover()
    scenario = small(SERVICE, 200, 12.0).with_strategy(found.strategies["swr"], {"stale_s": 30.0})
    gates = gates_for(scenario, rows_of(scenario, "swr", range(1, 3)), rows_of(scenario, "static", range(1, 3)))
    assert gates.tells_from_baseline
    assert broken(gates.scenario, rows_of(scenario, "swr", range(11, 12))[0]) == []
    assert "each.steady_peak_1s" in " ".join(broken(gates.scenario, rows_of(scenario, "static", range(11, 12))[0]))
    assert "--strategies swr" in gate_script("swr")


def test_the_small_service_has_the_same_herd_on_each_key_and_as_busy_a_pool() -> None:
    made = small(SERVICE)
    assert made.scenario.target_rate == 300
    assert made.scenario.keys.count == 50
    assert made.scenario.cache.ttl_s == 10
    whole = SERVICE.keys / SERVICE.ttl_s / (SERVICE.pool or 1)
    less = made.scenario.keys.count / made.scenario.cache.ttl_s / (made.scenario.origin.connections_shared or 1)
    assert less == pytest.approx(whole, rel=0.05)
    assert len(made.changes) == 3
    assert small(SERVICE.changed(rate_per_s=200, ttl_s=5)).changes == ()


def test_settings_in_seconds_shrink_with_the_ttl_and_others_stay() -> None:
    strategies = discover().strategies
    assert scaled(strategies["swr"], {"stale_s": 30.0}, 0.2) == {"stale_s": 6.0}
    assert scaled(strategies["xfetch"], {"beta": 2.0}, 0.2) == {"beta": 2.0}
