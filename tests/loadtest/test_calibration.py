"""What calibration makes of a run, with simulated runs in the place of measured ones."""

from dataclasses import replace

from app.discovery import discover
from loadtest.calibration import all_agree, calibrate
from loadtest.measure import Row
from loadtest.scenario import read_scenario
from loadtest.sim.run import simulate

STRATEGY = discover().strategies["static"]
SCENARIO = read_scenario("hot-key", duration_s=10)
MEASURED = simulate(SCENARIO, STRATEGY, 99).row


def test_a_run_of_the_same_world_agrees() -> None:
    found = list(calibrate(SCENARIO, STRATEGY, MEASURED))
    assert [one.figure for one in found] == ["origin_reads", "origin_peak_1s"]
    assert all_agree(found), found
    assert all(one.predicted for one in found)


def test_a_run_of_another_world_does_not() -> None:
    reads, peak = calibrate(SCENARIO, STRATEGY, replace(MEASURED, origin_reads=2 * MEASURED.origin_reads))
    assert not reads.agrees
    assert peak.agrees
    assert reads.error < -0.4


def test_the_time_between_warm_up_and_load_is_the_measured_one() -> None:
    warmed = read_scenario("bulk-warm", duration_s=5)
    leads: list[float] = []

    def play(scenario: object, seed: int) -> Row:
        leads.append(scenario.warm.lead_s)  # type: ignore[attr-defined]
        return MEASURED

    list(calibrate(warmed, STRATEGY, replace(MEASURED, lead_s=1.25), play))
    assert set(leads) == {1.25}
