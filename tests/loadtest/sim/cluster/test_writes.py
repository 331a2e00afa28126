"""Items that are written while they are read, in virtual time: invalidation, and answers that a write had overtaken."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.discovery import discover
from app.local_tier import LruTier
from app.strategy import Loaded
from loadtest.figures.recorded_history import RecordedHistory
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import summarise
from loadtest.report.workload_in_words import sentence
from loadtest.sim.cluster.cluster import Cluster, ClusterReady
from loadtest.sim.cluster.events import OriginAnswered, Subscriber
from loadtest.sim.cluster.simulate import SimulatedHistory, simulate
from loadtest.sim.cluster.violation import Invariant
from loadtest.theory.predict import silent_because
from loadtest.workload.answer_check import OLDER
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.scenario_tables import WritesTable
from loadtest.workload.writes import writes_of

STRATEGIES = discover().strategies
RATE, WRITES, TTL_S, LOAD_S, DURATION_S = 300, 2.0, 5.0, 0.1, 40


def written(invalidation: str = "delete", **changes: Any) -> Scenario:
    told = {
        "name": "written",
        "title": "Items that change",
        "duration_s": DURATION_S,
        "pods": 3,
        "load": {"loop": "open", "rate_per_s": RATE},
        "keys": {"count": 3},
        "cache": {"ttl_s": TTL_S},
        "origin": {"latency": f"fixed({LOAD_S * 1000:g})", "connections": 64},
        "writes": {"rate_per_s": WRITES, "invalidation": invalidation},
    }
    return Scenario.model_validate(told | changes)


def row_of(scenario: Scenario, name: str = "singleflight", by_array: bool = True) -> RunSummary:
    simulated = simulate(scenario, STRATEGIES[name], 1, by_array=by_array)
    assert simulated.violation is None
    assert (simulated.row.valid, simulated.row.errors, simulated.row.wrong_answers) == (True, 0, 0)
    return simulated.row


def test_writes_have_their_rate_and_popularity_and_are_the_same_for_a_seed() -> None:
    scenario = written(keys={"count": 10, "hot_share": 0.9, "absent_share": 0.5})
    table = WritesTable(rate_per_s=50)
    drawn = [*writes_of(table, scenario.keys, 200, 3)]
    assert len(drawn) == pytest.approx(10_000, rel=0.03)
    assert all(before.time_s <= after.time_s < 200 for before, after in pairwise(drawn))
    assert sum(write.key == 0 for write in drawn) == pytest.approx(0.9 * len(drawn), rel=0.02)
    assert max(write.key for write in drawn) < 10, "what does not exist is not written"
    short = [*writes_of(table, scenario.keys, 2.5, 3)]
    assert short == drawn[: len(short)]


@pytest.mark.parametrize("invalidation", ["none", "delete", "write-through"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_hits_by_array_are_those_of_one_by_one_whatever_is_written(name: str, invalidation: str) -> None:
    scenario = written(invalidation, duration_s=12)
    assert row_of(scenario, name) == row_of(scenario, name, by_array=False)


def test_without_invalidation_answers_are_overtaken_for_as_long_as_the_entry_lives() -> None:
    row = row_of(written("none"))
    assert row.writes == pytest.approx(WRITES * DURATION_S, rel=0.3)
    assert row.overtaken_share is not None
    assert row.overtaken_share > 0.3
    assert row.overtaken_p99_s is not None
    assert TTL_S / 2 < row.overtaken_p99_s <= TTL_S


def test_a_delete_costs_a_load_for_each_write_and_leaves_what_loads_had_read_before() -> None:
    still, deleting = row_of(written("none")), row_of(written("delete"))
    assert deleting.origin_reads >= still.origin_reads + 0.5 * WRITES * DURATION_S
    assert deleting.overtaken_share is not None
    assert still.overtaken_share is not None
    assert deleting.overtaken_share < still.overtaken_share / 5


@pytest.mark.parametrize(("name", "is_overtaken"), [("static", True), ("singleflight", False)])
def test_a_delete_leaves_nothing_of_before_it_to_loads_under_a_lock(name: str, is_overtaken: bool) -> None:
    row = row_of(written("delete"), name)
    assert row.overtaken_share is not None
    assert (row.overtaken_share > 0) == is_overtaken


def test_copies_in_pods_outlive_a_write_by_their_own_time_at_most_and_not_at_all_where_pods_are_told() -> None:
    for way in ("none", "pubsub", "tracking"):
        told = {"virtual": {"redis": "fixed(0.5)"}, "params": {"tiered": {"invalidation": way, "local_s": 1.0}}}
        row = row_of(written("delete", **told), "tiered")
        assert row.local_share is not None
        assert row.local_share > 0.7
        assert row.overtaken_share is not None
        if way == "none":
            assert row.overtaken_share > 0.02
            assert row.overtaken_p99_s is not None
            assert 0.5 < row.overtaken_p99_s <= 1.0
        else:
            assert row.overtaken_share < 0.001, way


def test_copies_that_outlive_the_lag_that_is_stated_are_wrong_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = LruTier.put
    monkeypatch.setattr(LruTier, "put", lambda tier, key, entry, for_s: keep(tier, key, entry))
    told = {"params": {"tiered": {"invalidation": "none", "local_s": 0.3}}, "duration_s": 10}
    row, _, violation = simulate(written("delete", **told), STRATEGIES["tiered"], 1)
    assert row.wrong_answer_kinds.get(OLDER)
    assert violation is not None
    assert violation.invariant is Invariant.NO_WAY_BACK


def test_a_new_value_written_through_costs_no_load() -> None:
    still, through = row_of(written("none")), row_of(written("write-through"))
    assert through.origin_reads <= still.origin_reads
    assert through.overtaken_share is not None
    assert still.overtaken_share is not None
    assert through.overtaken_share < still.overtaken_share / 5


@pytest.mark.parametrize("name", ["swr", "jitter"])
def test_a_new_value_lives_as_long_as_the_one_that_it_replaces(name: str) -> None:
    """So that what a strategy draws and adds stays its own: nothing is older than it promises, which the run checks."""
    row = row_of(written("write-through", writes={"rate_per_s": 20, "invalidation": "write-through"}), name)
    assert row.hit_ratio is not None
    assert row.hit_ratio > 0.98


def test_an_item_has_the_version_of_the_writes_before_its_read() -> None:
    clusters: list[Cluster] = []
    read: list[Loaded] = []
    seen = Subscriber(
        {
            ClusterReady: lambda event: clusters.append(event.cluster),
            OriginAnswered: lambda event: read.append(event.loaded),
        }
    )
    scenario = written(keys={"count": 1})
    simulate(scenario, STRATEGIES["static"], 1, observers=[seen])
    assert scenario.writes is not None
    moments_s = [write.time_s for write in writes_of(scenario.writes, scenario.keys, DURATION_S, 1)]
    version, last_s = clusters[0].store.version_of(0)
    assert version == len(moments_s)
    assert last_s == pytest.approx(moments_s[-1])
    for loaded in read:
        item = json.loads(loaded.body)
        written_s = [at_s for at_s in moments_s if at_s <= item["read_at"]]
        assert item["version"] == len(written_s)
        assert loaded.updated_at_s == pytest.approx(written_s[-1] if written_s else 0.0)
    assert len({json.loads(loaded.body)["version"] for loaded in read}) > 20


def test_the_records_of_a_run_tell_the_same_of_its_writes(tmp_path: Path) -> None:
    run = PlannedRun(written("none", duration_s=10), "static", 1)
    simulated = summarise(SimulatedHistory(run, records=tmp_path)).summary
    again = summarise(RecordedHistory(tmp_path / "raw" / run.label, run)).summary
    assert (again.writes, again.overtaken_share, again.overtaken_p99_s) == (
        simulated.writes,
        simulated.overtaken_share,
        simulated.overtaken_p99_s,
    )
    assert again.overtaken_share


def test_it_is_told_in_words_theory_is_silent_and_the_stack_cannot() -> None:
    scenario = written("write-through")
    assert "2 writes/s (each writes the new value through to the entry)" in sentence(scenario)
    assert silent_because(scenario, STRATEGIES["static"], RATE, 30) == "items are written"
    assert scenario.why_not_in("stack").startswith("writes: pods take them from loopback alone")
    assert scenario.why_not_in("native") == ""
    assert row_of(written(writes=None)).overtaken_share is None
