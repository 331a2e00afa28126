"""Measured figures are kept first; whatever is made of them may fail alone, and can be made again."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.discovery import discover
from app.ledger import OriginRead
from loadtest.cli import app
from loadtest.figures.recorded_history import CUT_SHORT
from loadtest.figures.records import ANSWER_COLUMNS
from loadtest.figures.redis_info import NOT_KNOWN
from loadtest.figures.run_folder import RunRecord, keep_plan, new_run_folder
from loadtest.figures.summarise import Finished
from loadtest.report import write as summarise
from loadtest.report.write import write_results
from loadtest.sim.cluster.simulate import simulate
from loadtest.theory.predictions import prediction
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario, read_scenario

FOUND = discover()
ABOUT = {"seed": 1, "command": "lab bench"}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return read_scenario("hot-key", duration_s=12)


@pytest.fixture(scope="module")
def measured(scenario: Scenario) -> list[Finished]:
    return [
        Finished(PlannedRun(scenario, name, 1), *simulate(scenario, FOUND.strategies[name], 1)[:2])
        for name in ("static", "singleflight", "swr")
    ]


def folder_for(tmp_path: Path, scenario: Scenario) -> Path:
    return new_run_folder(tmp_path / "results", scenario.name, ABOUT, scenario)


def kept(folder: Path) -> list[dict[str, Any]]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    assert summary["schema"] == 2
    rows: list[dict[str, Any]] = summary["runs"]
    return rows


def no_theory(*_: Any) -> None:
    raise ValueError("zero-size array to reduction operation maximum")


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("prediction", "the prediction of swr could not be made: ValueError: zero-size array"),
        ("in_words", "sentences about the repeats could not be made"),
        ("write_html", "report.html could not be made"),
    ],
)
def test_what_is_made_of_figures_fails_alone_with_a_line(
    part: str, line: str, tmp_path: Path, scenario: Scenario, measured: Sequence[Finished], monkeypatch: Any
) -> None:
    folder = folder_for(tmp_path, scenario)
    monkeypatch.setattr(summarise, part, no_theory)
    summary = write_results(folder, measured, scenario, ABOUT, FOUND)
    assert [row["origin_reads"] for row in kept(folder)] == [one.summary.origin_reads for one in measured]
    assert any(said.startswith(line) for said in summary.missing)
    assert line in (folder / "report.md").read_text()
    assert (folder / "report.html").exists() == (part != "write_html")
    assert (tmp_path / "results" / "latest").resolve() == folder


def test_a_prediction_that_fails_takes_no_other_with_it(
    tmp_path: Path, scenario: Scenario, measured: Sequence[Finished], monkeypatch: Any
) -> None:
    real = prediction
    monkeypatch.setattr(
        summarise, "prediction", lambda row, *rest: no_theory() if row.strategy == "swr" else real(row, *rest)
    )
    write_results(folder := folder_for(tmp_path, scenario), measured, scenario, ABOUT, FOUND)
    told = json.loads((folder / "summary.json").read_text())["predictions"]
    assert "swr" not in told
    assert told["singleflight"]["origin_reads"] > 0


@pytest.mark.parametrize("what", ["directory", "file"])
def test_a_latest_that_is_no_link_stays_and_the_run_is_good(
    what: str, tmp_path: Path, scenario: Scenario, measured: Sequence[Finished]
) -> None:
    folder = folder_for(tmp_path, scenario)
    latest = tmp_path / "results" / "latest"
    if what == "file":
        latest.write_text("mine")
    else:
        (latest / "mine").mkdir(parents=True)
    summary = write_results(folder, measured, scenario, ABOUT, FOUND)
    assert any("is no link and was left as it is" in said for said in summary.missing)
    assert latest.read_text() == "mine" if what == "file" else (latest / "mine").is_dir()
    assert len(kept(folder)) == 3


def test_a_report_that_cannot_be_written_leaves_the_figures(
    tmp_path: Path, scenario: Scenario, measured: Sequence[Finished]
) -> None:
    folder = folder_for(tmp_path, scenario)
    (folder / "report.md").mkdir()
    summary = write_results(folder, measured, scenario, ABOUT, FOUND)
    assert any(said.startswith("report.md could not be made: IsADirectoryError") for said in summary.missing)
    assert len(kept(folder)) == 3
    assert not list(folder.glob(".*.half"))


def leave_records(folder: Path, run: PlannedRun, requests: int, is_over: bool) -> None:
    """As a bench does: a request and a read each 100 ms."""
    raw = folder / "raw" / run.label
    raw.mkdir(parents=True)
    record = RunRecord.of(run, "native")
    record.is_over = is_over
    record.write(raw)
    with (raw / "ledger.csv").open("w", newline="") as file:
        csv.writer(file).writerow(OriginRead._fields)
    if requests:
        with (raw / "answers-1.csv").open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(ANSWER_COLUMNS)
            for number in range(requests):
                at_s = 1000 + number / 10
                lines.writerow((at_s, at_s, at_s + 0.001, 0, 200, "hit", 1.0, "pod-1", ""))
    else:
        (raw / "answers-1.csv").touch()  # of a generator that was killed before it wrote any


def summarised(folder: Path) -> Result:
    return CliRunner().invoke(app, ["report", str(folder)])


def test_a_folder_whose_bench_was_killed_is_summarised_from_what_is_there(tmp_path: Path, scenario: Scenario) -> None:
    folder = folder_for(tmp_path, scenario)
    order = [PlannedRun(scenario, name, 1) for name in ("static", "singleflight", "swr", "xfetch")]
    keep_plan(folder, order)
    leave_records(folder, order[0], 120, is_over=True)
    leave_records(folder, order[1], 50, is_over=False)
    leave_records(folder, order[2], 0, is_over=True)
    said = summarised(folder)
    assert said.exit_code == 3, said.output
    by_name = {row["strategy"]: row for row in kept(folder)}
    assert by_name.keys() == {"static", "singleflight", "swr"}
    assert by_name["static"]["requests"] == 120
    assert NOT_KNOWN in by_name["static"]["notes"]
    assert CUT_SHORT.what not in by_name["static"]["incidents"]
    assert CUT_SHORT.what in by_name["singleflight"]["incidents"]
    assert not by_name["singleflight"]["valid"]
    assert not by_name["swr"]["valid"]
    assert "no request was sent" in by_name["swr"]["incidents"]
    assert "xfetch not run" in (folder / "report.md").read_text()
    assert not (folder.parent / "latest").exists()


def test_a_folder_without_raw_records_is_refused_in_one_sentence(tmp_path: Path, scenario: Scenario) -> None:
    said = summarised(folder_for(tmp_path, scenario))
    assert said.exit_code == 2
    assert "no raw records there" in " ".join(said.stderr.split())


def test_a_folder_of_an_older_lab_is_refused_with_its_schema(tmp_path: Path, scenario: Scenario) -> None:
    folder = folder_for(tmp_path, scenario)
    keep_plan(folder, [run := PlannedRun(scenario, "static", 1)])
    leave_records(folder, run, 5, is_over=True)
    (folder / "plan.json").write_text("[]")
    said = summarised(folder)
    assert said.exit_code == 2
    assert "plan.json: is of schema 1, and this lab reads schema 2" in " ".join(said.stderr.split())


def test_a_folder_whose_plan_has_its_former_name_is_refused_with_its_schema(tmp_path: Path, scenario: Scenario) -> None:
    folder = folder_for(tmp_path, scenario)
    leave_records(folder, PlannedRun(scenario, "static", 1), 5, is_over=True)
    (folder / "turns.json").write_text("[]")
    said = summarised(folder)
    assert said.exit_code == 2
    assert "turns.json: is of schema 1, and this lab reads schema 2" in " ".join(said.stderr.split())


def test_a_run_that_was_ended_before_its_load_began_is_no_result_and_says_so(
    tmp_path: Path, scenario: Scenario
) -> None:
    folder = folder_for(tmp_path, scenario)
    keep_plan(folder, order := [PlannedRun(scenario, name, 1) for name in ("static", "swr")])
    leave_records(folder, order[0], 120, is_over=True)
    (folder / "raw" / "swr").mkdir()
    assert summarised(folder).exit_code == 3
    by_name = {row["strategy"]: row for row in kept(folder)}
    assert "the run was ended before its load began" in by_name["swr"]["incidents"][0]
