"""What no strategy can leave, run as the strategies are, and predictions at each row's own rate."""

from dataclasses import replace

import pytest

from app.discovery import discover
from app.strategy import MechanismKind
from loadtest.cli.conduct import all_valid
from loadtest.figures.run_summary import RunSummary
from loadtest.sim.cluster.simulate import simulate
from loadtest.theory.predict import Prediction
from loadtest.theory.predictions import prediction
from loadtest.workload.planned_run import PlannedRun, plan
from loadtest.workload.scenario import read_scenario

SCENARIO = read_scenario("primer", duration_s=20)
FOUND, BOUNDS = discover(), discover(references=True).references
ROWS = [simulate(SCENARIO, strategy, 3).row for strategy in FOUND.strategies.values()]


def test_every_strategy_is_between_the_bound_that_ran_and_the_floor() -> None:
    nocache = simulate(SCENARIO, BOUNDS["nocache"], 3).row
    assert nocache.origin_asked == nocache.requests
    for row in ROWS:
        assert row.floor_reads is not None
        assert row.floor_reads <= row.origin_reads <= nocache.origin_asked
        assert row.p50_ms is not None
        assert nocache.p50_ms is not None
        assert row.p50_ms < nocache.p50_ms


def test_a_full_origin_is_what_the_bound_found_and_no_formula() -> None:
    """350 ms, no error and 302 reads in a second were said of it, by a formula that knows no queue."""
    load = read_scenario("hot-key", duration_s=10)
    full = load.model_copy(update={"origin": load.origin.model_copy(update={"connections": 4})})
    nocache = simulate(full, BOUNDS["nocache"], 3).row
    assert nocache.errors > 0
    assert nocache.origin_reads < nocache.origin_asked


def test_references_run_in_every_round_and_decide_nothing() -> None:
    found = discover(references=True)
    order = plan(SCENARIO, ["static"], found, 2, 1)
    assert [run.is_reference for run in order].count(True) == 2
    assert not any(run.is_reference for run in plan(SCENARIO, ["static"], FOUND, 2, 1))
    broken = replace(ROWS[0], valid=False)
    assert all_valid([replace(broken, is_reference=True), ROWS[1]])
    assert not all_valid([broken, ROWS[1]])


def predicted(row: RunSummary, run: PlannedRun | None = None) -> Prediction:
    told = prediction(row, run or PlannedRun(SCENARIO, row.strategy, 3), FOUND.strategies)
    assert isinstance(told, Prediction)
    return told


def test_each_row_that_has_a_formula_is_predicted_at_its_own_rate() -> None:
    kinds = {name: SCENARIO.stated(strategy).mechanism().kind for name, strategy in FOUND.strategies.items()}
    known = [row for row in ROWS if kinds[row.strategy] is not MechanismKind.UNKNOWN]
    assert len(known) > 5
    for row in known:
        assert predicted(row).origin_reads == pytest.approx(row.origin_reads, rel=0.1)
        assert row.floor_reads is not None
        assert row.floor_reads <= row.origin_reads


def test_a_control_is_predicted_at_its_own_ttl() -> None:
    longer = SCENARIO.model_copy(update={"cache": SCENARIO.cache.model_copy(update={"ttl_s": 10.0})})
    told = predicted(ROWS[0], PlannedRun(longer, "static", 3, control_ttl_s=10.0))
    assert told.origin_reads < 0.75 * predicted(ROWS[0]).origin_reads


def test_theory_is_silent_about_a_strategy_with_parameters_beyond_it() -> None:
    unlocked = SCENARIO.model_copy(update={"params": {"xfetch": {"form": "unlocked"}}})
    row = ROWS[list(FOUND.strategies).index("xfetch")]
    told = prediction(row, PlannedRun(unlocked, "xfetch", 3), FOUND.strategies)
    assert told == "it knows no formula for this strategy with these parameters"
