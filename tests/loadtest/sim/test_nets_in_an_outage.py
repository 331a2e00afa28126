"""The outage of the reference: the origin fails for 8 s at 300 requests/s, TTL 5 s, whichever strategy is asked."""

from functools import cache
from typing import Any, NamedTuple

import pytest

from app.discovery import discover
from app.strategy import MechanismKind
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario

LOAD_S, OUTAGE_S, RATE_PER_S, KEYS, PODS = 0.2, 8.0, 300, 10, 3
ONE_LOAD_MS = 1000 * LOAD_S + 1.5
"""A load, the way of its request and back, and that of a question to another pod."""
SEEDS = (1, 2)
FOUND = discover().strategies
BASELINE = next(name for name, strategy in FOUND.items() if strategy.is_baseline)
COLLAPSING = [
    name for name, strategy in FOUND.items() if strategy.stated(5.0, {}).mechanism().kind is not MechanismKind.NONE
]
AT_ONCE = [name for name, strategy in FOUND.items() if not strategy.stated(5.0, {}).mechanism().pause_s]
"""Those that load as soon as there is need: a pause between loads is a wait in an outage, whatever the nets."""
WITHOUT = (("failure_mark_ms", 0),)
DEFAULTS = ()
ALL_SET = (
    ("stale_if_error_s", 30),
    ("breaker", (("open_s", 1),)),
    ("limit", ()),
    ("queue_max", 64),
    ("soft_timeout_ms", 100),
    ("hard_timeout_ms", 2_000),
)


class Outage(NamedTuple):
    """The figures of an outage, of all seeds together."""

    failed: int
    p99_ms: float  # the worst
    failed_reads: int


@cache
def outage(strategy: str, nets: tuple[Any, ...], is_empty: bool = False) -> Outage:
    """The outage with these nets; where `is_empty`, it begins with an empty cache."""
    at_s = {"at_s": 10.0}
    fault = {"kind": "origin-fails", "for_s": OUTAGE_S} | at_s
    scenario = Scenario.model_validate(
        {
            "name": "outage",
            "title": "The origin fails",
            "duration_s": 24,
            "pods": PODS,
            "load": {"loop": "open", "rate_per_s": RATE_PER_S, "arrivals": "poisson"},
            "keys": {"count": KEYS, "hot_share": 0.95},
            "cache": {"ttl_s": 5},
            "origin": {"latency": f"fixed({1000 * LOAD_S:g})", "connections": 64},
            "faults": [fault, {"kind": "cache-flushed"} | at_s] if is_empty else [fault],
            "nets": {name: dict(value) if isinstance(value, tuple) else value for name, value in nets},
        }
    )
    runs = [simulate(scenario, FOUND[strategy], seed) for seed in SEEDS]
    assert [run.violation for run in runs] == [None] * len(SEEDS)
    rows = [run.row for run in runs]
    failed_reads = sum(row.origin_failed or 0 for row in rows)
    return Outage(sum(row.errors for row in rows), max(row.p99_ms or 0.0 for row in rows), failed_reads)


@pytest.mark.parametrize("strategy", FOUND)
def test_with_the_nets_hardly_an_answer_fails_and_the_origin_is_only_probed(strategy: str) -> None:
    without, within = outage(BASELINE, WITHOUT), outage(strategy, ALL_SET)
    assert within.failed <= without.failed / 100
    assert within.p99_ms <= without.p99_ms
    probes = len(SEEDS) * PODS * (OUTAGE_S + 1)  # one a second, of each pod
    # before its breaker opens, a strategy without flights has sent a herd, and short lives have ended more often
    short = FOUND[strategy].stated(1.0, {}).mechanism().least_ttl_s(1.0) < 0.5
    assert within.failed_reads <= ((3 if short else 2) * probes if strategy in COLLAPSING else without.failed_reads / 8)


@pytest.mark.parametrize("strategy", AT_ONCE)
def test_by_default_none_is_slower_than_the_baseline_without_nets_or_fails_a_twentieth_more(strategy: str) -> None:
    """An entry that was just replaced would carry a strategy into the outage by luck, so it begins with none.

    A failure that is shared reaches who came while its load was under way, and while its mark stands. So the key is
    back that much later than where each request loads for itself: on average by half a load and half a mark.
    """
    without, within = outage(BASELINE, WITHOUT, is_empty=True), outage(strategy, DEFAULTS, is_empty=True)
    assert within.failed <= 1.05 * without.failed
    assert within.p99_ms <= max(without.p99_ms, ONE_LOAD_MS)


@pytest.mark.parametrize("strategy", [name for name in COLLAPSING if name in AT_ONCE])
def test_a_failure_is_shared_by_all_pods(strategy: str) -> None:
    alone, shared = outage(strategy, WITHOUT, is_empty=True), outage(strategy, DEFAULTS, is_empty=True)
    assert shared.failed_reads < alone.failed_reads
    # who waits for no lock has not queued for one load after the other before, either
    assert shared.p99_ms < max(alone.p99_ms / 10, ONE_LOAD_MS)
