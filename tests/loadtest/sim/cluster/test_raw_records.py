"""`lab sim --raw`: the records of a simulated run say all that its figures say."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.discovery import discover
from loadtest.cli import app
from loadtest.figures.recorded_history import RecordedHistory
from loadtest.figures.run_folder import read_record
from loadtest.figures.summarise import Summarised, summarise
from loadtest.sim.cluster.simulate import SimulatedHistory, simulate
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario, read_scenario
from tests.loadtest.sim.drill import fault, workload

STRATEGIES = discover().strategies
BROKEN = workload(
    fault("pod-killed", pod=1),
    fault("origin-fails", share=0.5, at_s=12.0),
    fault("cache-paused", for_s=1.5, at_s=4.0),
    origin={"connections": 2},
)
IMPATIENT = workload(
    fault("pod-killed", pod=1),
    fault("origin-hangs", at_s=12.0),
    client={"timeout_s": 0.3, "retries": 3, "budget": 0.5},
)

OUTAGE = read_scenario(
    "hot-key",
    name="outage",
    duration_s=20,
    faults=[{"kind": "origin-fails", "at_s": 8, "for_s": 4}],
    nets={"breaker": {"loads_min": 2}},
)


def written_down(scenario: Scenario, strategy: str, folder: Path) -> tuple[Summarised, PlannedRun, Path]:
    run = PlannedRun(scenario, strategy, seed=3)
    return summarise(SimulatedHistory(run, records=folder)), run, folder / "raw" / strategy


@pytest.mark.parametrize("strategy", ["static", "swr"])
@pytest.mark.parametrize(
    "scenario",
    [BROKEN, IMPATIENT, OUTAGE, read_scenario("hot-key", duration_s=20), read_scenario("primer", duration_s=20)],
    ids=["broken", "impatient", "outage", "hot-key", "primer"],
)
def test_the_figures_made_again_from_the_records_are_the_very_same(
    scenario: Scenario, strategy: str, tmp_path: Path
) -> None:
    simulated, run, raw = written_down(scenario, strategy, tmp_path)
    again = replace(run, scenario=read_scenario(str(raw / "scenario.json")))
    summary, series = summarise(RecordedHistory(raw, again))
    assert summary == simulated.summary
    if scenario is OUTAGE:
        assert summary.nets
        assert summary.nets["breaker_opened"]
        assert summary.recovers_after_s is not None
    assert np.array_equal(series.origin_reads, simulated.series.origin_reads)
    assert np.array_equal(series.p99_ms, simulated.series.p99_ms, equal_nan=True)


def test_every_attempt_is_written_down(tmp_path: Path) -> None:
    _, _, raw = written_down(IMPATIENT, "static", tmp_path)
    with (raw / "answers-1.csv").open(encoding="utf-8") as file:
        lines = [*csv.DictReader(file)]
    again = (raw / "retries-1.csv").read_text(encoding="utf-8").splitlines()
    assert again[0] == "sent_s,attempt,key"
    assert sum(int(line["attempts"]) - 1 for line in lines) == len(again) - 1 > 100
    assert {line["gave_up"] for line in lines if line["code"] == "0"} == {"1"}
    assert {line["gave_up"] for line in lines if line["code"] != "0"} == {"0"}


def test_a_run_that_is_written_down_is_the_same_run(tmp_path: Path) -> None:
    simulated, _, raw = written_down(BROKEN, "singleflight", tmp_path)
    assert simulated.summary == simulate(BROKEN, STRATEGIES["singleflight"], 3).row
    assert read_record(raw).trace == simulated.summary.trace
    lines = (raw / "ledger.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "asked_s,started_s,ended_s,key,strategy,pod,reason,outcome"
    assert {line.split(",")[5] for line in lines[1:]} == {"pod-1", "pod-2", "pod-3"}


def test_the_command_keeps_them_and_the_folder_can_be_summarised(tmp_path: Path) -> None:
    options = ["--strategies", "static,jitter", "--duration", "5", "--repeats", "2", "--results", str(tmp_path)]
    said = CliRunner().invoke(app, ["sim", "--raw", *options])
    assert said.exit_code == 0, said.output
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink()]
    figures = folder / "summary.json"
    was = json.loads(figures.read_text(encoding="utf-8"))
    assert len(was["runs"]) == 6  # two strategies and the bound, twice
    figures.unlink()
    said = CliRunner().invoke(app, ["report", str(folder)])
    assert said.exit_code == 0, said.output
    assert json.loads(figures.read_text(encoding="utf-8")) == was
