"""What calibration makes of a run, with simulated runs in the place of measured ones."""

from dataclasses import replace

from app.discovery import discover
from loadtest.figures.summarise import Finished
from loadtest.sim.cluster.simulate import simulate
from loadtest.studies.calibration.calibration import all_agree, beside, calibrate
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import read_scenario

STRATEGY = discover().strategies["static"]
SCENARIO = read_scenario("hot-key", duration_s=10)
MEASURED, SERIES, _ = simulate(SCENARIO, STRATEGY, 99)
RUN = Finished(PlannedRun(SCENARIO, "static", 99), MEASURED, SERIES)
SIMULATED = [simulate(run.scenario, STRATEGY, run.seed).row for run in beside([RUN])]


def test_a_run_of_the_same_world_agrees() -> None:
    found = list(calibrate(SCENARIO, STRATEGY, MEASURED, SIMULATED))
    assert [one.figure for one in found] == ["origin_reads", "origin_peak_1s", "age_p99_s", "p50_ms", "p99_ms"]
    assert all(one.agrees for one in found), found
    assert all(one.predicted for one in found[:2])


def test_a_run_of_another_world_does_not() -> None:
    reads, peak, *_ = calibrate(
        SCENARIO, STRATEGY, replace(MEASURED, origin_reads=2 * MEASURED.origin_reads), SIMULATED
    )
    assert not reads.agrees
    assert peak.agrees
    assert reads.error < -0.4


def test_older_answers_are_another_world_and_slower_hits_are_this_machine() -> None:
    assert MEASURED.age_p99_s is not None
    assert MEASURED.p50_ms is not None
    older = list(calibrate(SCENARIO, STRATEGY, replace(MEASURED, age_p99_s=1.2 * MEASURED.age_p99_s), SIMULATED))
    slower = list(calibrate(SCENARIO, STRATEGY, replace(MEASURED, p50_ms=MEASURED.p50_ms + 3), SIMULATED))
    assert [one.figure for one in older if not one.agrees] == ["age_p99_s"]
    assert [one.figure for one in slower if not one.agrees] == ["p50_ms"]
    assert (all_agree(older), all_agree(slower)) == (False, True)


def test_the_time_between_warm_up_and_load_is_the_measured_one() -> None:
    warmed = read_scenario("bulk-warm", duration_s=5)
    run = RUN._replace(run=PlannedRun(warmed, "static", 99), summary=replace(MEASURED, lead_s=1.25))
    planned = beside([run])
    assert {one.scenario.warm.lead_s for one in planned} == {1.25}
    assert len({one.seed for one in planned}) == len(planned) == 10
