"""Failures that pods count while nothing was broken on purpose: told, and no result where they moved a figure."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from app.discovery import discover
from app.metrics import Metrics
from loadtest.figures.failures import Failures, Kind, counted, failures_found
from loadtest.figures.incident import Incident, planned
from loadtest.figures.redis_commands import BEFORE, EARLIER
from loadtest.figures.run_folder import RunRecord, read_record
from loadtest.sim.cluster.cluster import ClusterReady
from loadtest.sim.cluster.events import Subscriber
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario, read_scenario

FOUND = discover()
QUICK = read_scenario("hot-key", duration_s=8)


def pods(raw: Path, *before_and_after: tuple[Metrics, Metrics]) -> Path:
    for number, both in enumerate(before_and_after, start=1):
        for when, metrics in zip(("metrics-before-", "metrics-"), both, strict=True):
            (raw / f"{when}pod-{number}.prom").write_bytes(generate_latest(metrics.registry))
    return raw


def with_failures(**commands: int) -> Metrics:
    metrics = Metrics()
    for name, count in commands.items():
        for _ in range(count):
            metrics.command_failed(name)
    return metrics


def test_what_failed_during_the_load_is_told_by_command_over_all_pods(tmp_path: Path) -> None:
    raw = pods(tmp_path, (with_failures(set=4), with_failures(set=6, mget=1)), (Metrics(), with_failures(set=3)))
    failures, unknown = counted(raw, 2, since=BEFORE)
    told = failures_found(failures, QUICK, 0)
    assert unknown == []
    assert told == [Incident("failed commands to Redis: 6 (mget 1, set 5)", True)]


def test_a_load_without_the_cache_and_a_client_turned_away_are_told_though_no_command_failed(tmp_path: Path) -> None:
    after = Metrics()
    for _ in range(3):
        after.runner("static").load_unstored()
    after.turned_away.add()
    failures, unknown = counted(pods(tmp_path, (Metrics(), after)), 1, None)
    told = failures_found(failures, QUICK, 0)
    assert unknown == []
    assert told == [Incident(f"{Kind.UNSTORED}: 3", True), Incident(f"{Kind.REFUSED}: 1", True)]
    away = scenario({"kind": "cache-away", "at_s": 2, "for_s": 1})
    assert failures_found(failures, away, 0) == [Incident(f"{Kind.REFUSED}: 1", True)]
    elsewhere = scenario({"kind": "origin-fails", "at_s": 2, "for_s": 1})
    assert failures_found(failures, elsewhere, 0) == told


def test_a_loop_that_is_blocked_on_purpose_explains_no_failed_command() -> None:
    blocked = scenario({"kind": "loop-blocked", "at_s": 2, "for_s": 1, "pod": 0})
    failed = Failures({(Kind.COMMAND, "set"): 2, (Kind.STILL, ""): 700, (Kind.UNSTORED, ""): 1})
    assert [incident.what for incident in failures_found(failed, blocked, 0)] == [
        "failed commands to Redis: 2 (set 2)",
        f"{Kind.UNSTORED}: 1",
    ]


def test_of_pods_that_were_started_for_the_run_the_warm_up_counts_too(tmp_path: Path) -> None:
    raw = pods(tmp_path, (with_failures(set=4), with_failures(set=4)))
    assert counted(raw, 1, since=BEFORE)[0].total() == 0
    assert counted(raw, 1, since=None)[0].total() == 4


def test_of_pods_that_were_kept_counts_what_failed_since_the_run_before(tmp_path: Path) -> None:
    raw = pods(tmp_path, (with_failures(set=6), with_failures(set=7)))
    (raw / "metrics-earlier-pod-1.prom").write_bytes(generate_latest(with_failures(set=4).registry))
    assert counted(raw, 1, since=EARLIER)[0].total() == 3, "two of them before the load"


def test_pods_without_failures_make_no_event(tmp_path: Path) -> None:
    failures, unknown = counted(pods(tmp_path, (Metrics(), Metrics())), 1, since=None)
    assert (failures.total(), unknown) == (0, [])
    assert failures_found(failures, QUICK, 0) == []


@pytest.mark.parametrize("damage", ["gone", "cut short", "something else", "begun anew"])
def test_a_pod_whose_counters_cannot_be_read_is_an_event(tmp_path: Path, damage: str) -> None:
    raw = pods(tmp_path, (with_failures(set=9), with_failures(set=9)), (Metrics(), Metrics()))
    after = raw / "metrics-pod-1.prom"
    match damage:
        case "gone":
            after.unlink()
        case "cut short":
            after.write_bytes(after.read_bytes()[:300])
        case "something else":
            after.write_text("<html>")
        case "begun anew":
            after.write_bytes(generate_latest(with_failures(set=1).registry))
    _, unknown = counted(raw, 2, since=None)
    assert len(unknown) == 1
    assert "pod-1" in unknown[0]


def test_what_the_pool_turns_away_or_answers_late_is_told_and_a_failing_store_is_no_result() -> None:
    at_the_bounds = failures_found(Failures({(Kind.SHED, ""): 5, (Kind.LATE, ""): 2}), QUICK, 0)
    assert [incident.spoils for incident in at_the_bounds] == [False, False]
    assert failures_found(Failures(), QUICK, 3) == [Incident("reads that the store failed: 3", True)]


def scenario(*faults: dict[str, Any], **tables: Any) -> Scenario:
    return Scenario.model_validate({**QUICK.model_dump(), "faults": list(faults), **tables})


def test_faults_explain_what_they_break_and_nothing_else() -> None:
    origin = scenario({"kind": "origin-fails", "at_s": 2, "for_s": 1})
    cache = scenario({"kind": "cache-away", "at_s": 2, "for_s": 1})
    refused, failed = Failures({(Kind.COMMAND, "set"): 7}), 9
    assert failures_found(refused, cache, 0) == []
    assert [incident.spoils for incident in failures_found(refused, origin, 0)] == [True]
    assert failures_found(Failures(), origin, failed) == []
    assert [incident.spoils for incident in failures_found(Failures(), cache, failed)] == [True]


def test_a_pod_that_stood_still_is_told_in_seconds_and_only_its_pause_explains_it(tmp_path: Path) -> None:
    before, after = Metrics(), Metrics()
    before.stood_still(0.7)
    for seconds in (0.7, 0.6, 0.6):
        after.stood_still(seconds)
    failures, _ = counted(pods(tmp_path, (before, after)), 1, since=BEFORE)
    assert failures_found(failures, QUICK, 0) == [Incident("pods stood still: 1.2 s", True)]
    paused = scenario({"kind": "pod-paused", "at_s": 2, "for_s": 1, "pod": 0})
    killed = scenario({"kind": "pod-killed", "at_s": 2, "for_s": 1, "pod": 0})
    assert failures_found(failures, paused, 0) == []
    assert [incident.spoils for incident in failures_found(failures, killed, 0)] == [True]


def test_virtual_time_counts_the_same_and_its_faults_explain_it() -> None:
    swr = FOUND.strategies["swr"]
    quiet = simulate(scenario(), swr, 1).row
    assert quiet.valid
    assert quiet.incidents == []
    told = simulate(scenario({"kind": "cache-away", "at_s": 3, "for_s": 1}), swr, 1).row
    assert told.valid
    assert told.incidents == []


def sabotage(event: ClusterReady) -> None:
    """Redis goes away in mid-run, and no scenario says so."""
    for at_s, is_away in ((3.0, True), (4.5, False)):
        event.cluster.loop.call_at(at_s, setattr, event.cluster.redis, "is_away", is_away)


def test_a_redis_that_was_away_unasked_is_an_event_and_no_result() -> None:
    row = simulate(
        scenario(), FOUND.strategies["singleflight"], 1, observers=[Subscriber({ClusterReady: sabotage})]
    ).row
    assert not row.valid
    assert any(event.startswith("failed commands to Redis:") for event in row.incidents), row.incidents
    assert row.errors == 0


def test_writes_that_a_full_redis_refuses_are_told_unless_the_scenario_says_so() -> None:
    full = scenario(virtual={"redis_entries_max": 1, "redis_policy": "noeviction"})
    assert simulate(full, FOUND.strategies["static"], 1).row.incidents == []


def test_a_store_that_fails_unasked_is_no_result() -> None:
    def sabotage(event: ClusterReady) -> None:
        event.cluster.loop.call_at(5.0, setattr, event.cluster.store, "fails_share", 0.5)

    row = simulate(scenario(), FOUND.strategies["static"], 1, observers=[Subscriber({ClusterReady: sabotage})]).row
    assert row.origin_failed > 0
    assert not row.valid
    assert f"reads that the store failed: {row.origin_failed}" in row.incidents


def test_a_planned_fault_is_no_incident_of_the_run_and_is_kept_with_its_moments(tmp_path: Path) -> None:
    met = [planned("cache-away", 20.04, 25.13), planned("cache-flushed", 7.0), Incident("a remark", spoils=False)]
    assert [(one.what, one.is_planned, one.spoils) for one in met] == [
        ("cache-away 20.0 to 25.1 s", True, False), ("cache-flushed at 7.0 s", True, False), ("a remark", False, False),
    ]  # fmt: skip
    RunRecord("static", "native", seed=1, incidents=met).write(tmp_path)
    assert read_record(tmp_path).incidents == met
