"""Virtual time against what is published: the primer's load, simulated independently, and the formulas of theory.

Means over a few seeds, so that one unlucky draw says nothing; the same seeds give the same means for ever.
"""

from collections.abc import Callable
from functools import cache
from statistics import fmean

import pytest
from scipy.stats import poisson

from app.discovery import discover
from app.strategy import MechanismKind
from loadtest.figures.run_summary import RunSummary
from loadtest.sim.cluster.simulate import simulate
from loadtest.theory.formulas import early_herd
from loadtest.theory.predict import predict
from loadtest.workload.scenario import Scenario, read_scenario

SEEDS = {"primer": range(1, 4), "hot-key": range(1, 4), "bulk-warm": range(1, 5), "many-keys": range(1, 3)}
STRATEGIES = discover().strategies
PREDICTED = [
    name for name, one in STRATEGIES.items() if one.stated(1.0, {}).mechanism().kind is not MechanismKind.UNKNOWN
]


@cache
def rows_of(scenario: str, strategy: str) -> tuple[RunSummary, ...]:
    return tuple(simulate(read_scenario(scenario), STRATEGIES[strategy], seed).row for seed in SEEDS[scenario])


def mean(scenario: str, strategy: str, figure: Callable[[RunSummary], float]) -> float:
    return fmean(figure(row) for row in rows_of(scenario, strategy))


def test_singleflight_reads_once_per_expiry_of_the_primers_load() -> None:
    assert mean("primer", "singleflight", lambda row: row.origin_reads) == pytest.approx(111, abs=2)


def test_as_many_wait_for_singleflight_as_in_the_primer() -> None:
    assert mean("primer", "singleflight", lambda row: row.statuses["collapsed"]) == pytest.approx(623, abs=10)


def test_a_fixed_ttl_costs_the_primers_reads() -> None:
    assert mean("primer", "static", lambda row: row.origin_reads) == pytest.approx(739, rel=0.08)
    assert mean("primer", "static", lambda row: row.origin_peak_1s) == pytest.approx(59.5, rel=0.1)


def test_xfetch_by_the_papers_rule_is_not_what_the_primer_published() -> None:
    reads = mean("primer", "xfetch", lambda row: row.origin_reads)
    assert reads == pytest.approx(121, rel=0.05)
    assert reads < 0.8 * 174  # the published row


def test_swr_serves_the_primers_share_stale() -> None:
    assert mean("primer", "swr", lambda row: row.statuses["stale"]) == pytest.approx(1130, rel=0.06)


@pytest.mark.parametrize("scenario", ["primer", "hot-key", "bulk-warm", "many-keys"])
@pytest.mark.parametrize("strategy", PREDICTED)
def test_figures_are_within_the_tolerances_of_their_formulas(scenario: str, strategy: str) -> None:
    workload: Scenario = read_scenario(scenario)
    rate_per_s = mean(scenario, strategy, lambda row: row.requests) / workload.duration_s
    told = predict(workload, STRATEGIES[strategy], rate_per_s, workload.duration_s)
    if told is None:  # a leader in each pod, for every key at once: the pool queues, and theory has no queues
        assert (scenario, STRATEGIES[strategy].stated(5.0, {}).mechanism().kind) == (
            "bulk-warm", MechanismKind.COLLAPSE_IN_POD,
        )  # fmt: skip
        return
    assert mean(scenario, strategy, lambda row: row.origin_reads) == pytest.approx(told.origin_reads, rel=0.05)
    assert mean(scenario, strategy, lambda row: row.hit_ratio or 0.0) == pytest.approx(told.hit_ratio, abs=0.005)
    low, high = poisson.interval(0.99, told.origin_peak_1s)
    assert low <= mean(scenario, strategy, lambda row: row.origin_peak_1s) <= high


def test_nobody_reads_less_than_the_floor() -> None:
    for strategy in STRATEGIES:
        for row in rows_of("hot-key", strategy):
            assert row.floor_reads is not None
            assert row.floor_reads <= row.origin_reads


def test_the_papers_bound_without_a_lock_is_e_to_the_one_over_beta() -> None:
    assert early_herd(1.5) < 2 < early_herd(1.0)
