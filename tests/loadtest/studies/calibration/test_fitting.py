"""Fitting virtual time to a machine, with a simulated machine of known CPU and network in the place of this one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.discovery import discover
from loadtest import cli
from loadtest.cli import calibrate as command
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.sim.cluster.simulate import simulate
from loadtest.studies.calibration.calibration import beside, calibrate, calibrate_again
from loadtest.studies.calibration.fitting import Fit, fitted
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import read_scenario

STRATEGY = discover().strategies["singleflight"]
SCENARIO = read_scenario("hot-key", duration_s=10)
MACHINE = Fit(service_us=1_200, network_ms=1.5)
ROW, SERIES, _ = simulate(MACHINE.put_into(SCENARIO), STRATEGY, 99)
MEASURED = replace(ROW, service_us=1_200.0, assumed=[])
RUN = Finished(PlannedRun(SCENARIO, "singleflight", 99), MEASURED, SERIES)


def simulated(fit: Fit | None = None) -> list[RunSummary]:
    return [simulate(run.scenario, STRATEGY, run.seed).row for run in beside([RUN], fit)]


SIMULATED = simulated()
STATED = next(one.simulated for one in calibrate(SCENARIO, STRATEGY, MEASURED, SIMULATED) if one.figure == "p50_ms")


def test_the_machine_is_found_from_what_was_measured_on_it() -> None:
    fit = fitted(SCENARIO, [MEASURED], {"singleflight": STATED})
    assert fit is not None
    assert fit.service_us == MACHINE.service_us
    assert fit.network_ms == pytest.approx(MACHINE.network_ms, rel=0.05)


def test_with_it_the_latencies_are_the_measured_ones_and_without_it_they_are_not() -> None:
    without = {one.figure: one for one in calibrate(SCENARIO, STRATEGY, MEASURED, SIMULATED)}
    fit = fitted(SCENARIO, [MEASURED], {"singleflight": STATED})
    assert fit is not None
    p50, p99 = calibrate_again(SCENARIO, MEASURED, fit, simulated(fit))
    assert (p50.figure, p99.figure) == ("p50_ms", "p99_ms")
    assert p50.ratio == pytest.approx(1.0, abs=0.05)
    assert p99.ratio == pytest.approx(1.0, abs=0.05)
    assert p50.agrees
    assert p99.agrees
    assert without["p50_ms"].ratio > 5
    assert not without["p50_ms"].agrees


def test_what_the_scenario_states_already_is_not_counted_twice() -> None:
    told = MACHINE.put_into(SCENARIO)
    assert MEASURED.p50_ms is not None
    assert fitted(told, [MEASURED], {"singleflight": MEASURED.p50_ms}) == MACHINE


def test_the_median_over_the_strategies_counts_and_no_run_that_is_no_result() -> None:
    rows = [replace(MEASURED, service_us=us, p50_ms=ms) for us, ms in ((400.0, 2.0), (500.0, 3.0), (9_000.0, 90.0))]
    broken = replace(MEASURED, service_us=1.0, p50_ms=1.0, valid=False)
    fit = fitted(SCENARIO, [*rows, broken, broken, broken], {"singleflight": 0.5})
    assert fit == Fit(500, 0.25 + (2.5 - 0.5) / 2)
    assert fit.lines == ("service_us = 500", 'network = "fixed(1.25)"')
    assert fit.put_into(SCENARIO).virtual.service_us == 500


def test_a_network_takes_no_less_than_nothing() -> None:
    assert fitted(SCENARIO, [replace(MEASURED, p50_ms=0.1)], {"singleflight": 0.5}) == Fit(1_200, 0.0)


@pytest.mark.parametrize("unknown", [{"service_us": None}, {"p50_ms": None}, {"valid": False}])
def test_of_what_is_not_known_nothing_is_fitted(unknown: dict[str, Any]) -> None:
    assert fitted(SCENARIO, [replace(MEASURED, **unknown)], {"singleflight": 0.5}) is None


@pytest.mark.parametrize("service_us", [1_200.0, None])
def test_the_command_prints_the_lines_and_the_latencies_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service_us: float | None
) -> None:
    measured = [RUN._replace(summary=replace(MEASURED, service_us=service_us))]
    monkeypatch.setattr(command, "measured", lambda *_: measured)
    words = ["calibrate", "--scenarios", "hot-key", "--strategies", "singleflight", "--duration", "10"]
    result = CliRunner().invoke(cli.app, [*words, "--results", str(tmp_path)])
    assert result.exit_code == 0, result.output
    (kept,) = tmp_path.glob("*/calibration.json")
    again = [one for one in json.loads(kept.read_text()) if one["fit"]]
    if service_us is None:
        assert not again
        assert "nothing was fitted" in " ".join(result.stderr.split())
    else:
        assert "[virtual]\nservice_us = 1200\nnetwork = " in result.stdout
        assert [(one["figure"], one["agrees"]) for one in again] == [("p50_ms", True), ("p99_ms", True)]
        assert "scenario's [virtual]" in " ".join(result.stdout.split())
        assert "…" not in result.stdout  # it fits into 80 columns
