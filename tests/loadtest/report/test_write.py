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
from loadtest.figures.records import ANSWER_COLUMNS
from loadtest.figures.redis_info import NOT_KNOWN
from loadtest.figures.run_folder import RunRecord, keep_plan, new_run_folder
from loadtest.figures.summarise import Finished
from loadtest.report import write as summarise
from loadtest.report.contents import VIRTUAL
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


def leave_records(folder: Path, run: PlannedRun, requests: int, is_over: bool, world: str = "native") -> None:
    """As a bench does: a request and a read each 100 ms."""
    raw = folder / "raw" / run.label
    raw.mkdir(parents=True)
    record = RunRecord.of(run, world)
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
                lines.writerow((at_s, at_s, at_s + 0.001, 0, 200, "hit", 1.0, "pod-1", "", 1, 0))
    else:
        (raw / "answers-1.csv").touch()  # of a generator that was killed before it wrote any


def summarised(folder: Path) -> Result:
    return CliRunner().invoke(app, ["report", str(folder)], env={"COLUMNS": "500"})


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
    assert by_name.keys() == {"static", "swr"}
    assert by_name["static"]["requests"] == 120
    assert NOT_KNOWN in by_name["static"]["notes"]
    assert not by_name["swr"]["valid"]
    assert "no request was sent" in by_name["swr"]["incidents"]
    for text in ((folder / "report.md").read_text(), said.output):
        assert "xfetch not run; singleflight cut short, and in no figure" in " ".join(text.split())
    assert not (folder.parent / "latest").exists()


def test_a_folder_without_raw_records_is_refused_in_one_sentence(tmp_path: Path, scenario: Scenario) -> None:
    said = summarised(folder_for(tmp_path, scenario))
    assert said.exit_code == 2
    assert "no raw records there" in " ".join(said.stderr.split())


@pytest.mark.parametrize("is_virtual", [True, False])
def test_only_a_run_in_virtual_time_is_told_how_records_are_kept(
    tmp_path: Path, scenario: Scenario, is_virtual: bool
) -> None:
    about = ABOUT | (VIRTUAL if is_virtual else {})
    said = summarised(new_run_folder(tmp_path, scenario.name, about, scenario))
    assert said.exit_code == 2
    assert ("--raw" in said.stderr) == is_virtual
    somewhere = summarised(tmp_path)
    assert somewhere.exit_code == 2
    assert "no run of `lab bench` or `lab sim --raw` is there: No such file or directory" in somewhere.stderr
    (tmp_path / "summary.json").write_text("{")
    assert "; and summary.json is broken: Expecting property name" in " ".join(summarised(tmp_path).stderr.split())
    (tmp_path / "environment.json").write_text("{")
    assert "environment.json: Expecting property name" in " ".join(summarised(tmp_path).stderr.split())


@pytest.mark.parametrize("plan", ["plan.json", "turns.json"])
def test_a_folder_of_an_older_lab_is_refused_with_its_schema(tmp_path: Path, scenario: Scenario, plan: str) -> None:
    folder = folder_for(tmp_path, scenario)
    leave_records(folder, PlannedRun(scenario, "static", 1), 5, is_over=True)
    (folder / plan).write_text("[]")  # under its name of now, or its former one
    said = summarised(folder)
    assert said.exit_code == 2
    assert f"{plan}: schema: is 1, and this lab reads 2: run it again" in " ".join(said.stderr.split())


def test_a_repeat_that_was_cut_short_is_no_figure_and_is_said(tmp_path: Path, scenario: Scenario) -> None:
    folder = folder_for(tmp_path, scenario)
    keep_plan(
        folder, order := [PlannedRun(scenario, "static", seed, repeat) for repeat, seed in enumerate((1, 2, 3), 1)]
    )
    for run, requests in zip(order, (120, 121, 7), strict=True):
        leave_records(folder, run, requests, is_over=run is not order[2])
    assert summarised(folder).exit_code == 3
    assert [row["requests"] for row in kept(folder)] == [120, 121]
    assert "static-3 cut short, and in no figure" in (folder / "report.md").read_text()


@pytest.mark.parametrize("begun", [True, False])
def test_of_runs_that_were_all_cut_short_nothing_is_reported(tmp_path: Path, scenario: Scenario, begun: bool) -> None:
    folder = folder_for(tmp_path, scenario)
    keep_plan(folder, [run := PlannedRun(scenario, "static", 1)])
    leave_records(folder, run, 120, is_over=False)
    if not begun:  # ended before its load
        (folder / "raw" / "static" / "run.json").unlink()
    said = summarised(folder)
    assert said.exit_code == 3
    assert "no run came to its end there: static cut short" in " ".join(said.stderr.split())
    assert not (folder / "summary.json").exists()


def test_a_run_that_failed_is_reported_with_the_reason_and_not_as_cut_short(tmp_path: Path, scenario: Scenario) -> None:
    folder = folder_for(tmp_path, scenario)
    keep_plan(folder, order := [PlannedRun(scenario, name, 1) for name in ("static", "swr")])
    leave_records(folder, order[0], 120, is_over=True)
    leave_records(folder, order[1], 3, is_over=False)
    (folder / "raw" / "swr" / "failure.log").write_text("Traceback …\nloadtest.worlds.world.WorldFailed: pod-2 fell\n")
    assert summarised(folder).exit_code == 3
    failed_row = next(row for row in kept(folder) if row["strategy"] == "swr")
    assert failed_row["incidents"][0] == "pod-2 fell; see failure.log among its records"
    assert (failed_row["requests"], failed_row["valid"]) == (0, False)


def test_a_run_that_cannot_be_read_is_of_the_world_that_the_others_ran_in(tmp_path: Path, scenario: Scenario) -> None:
    folder = folder_for(tmp_path, scenario)
    keep_plan(folder, order := [PlannedRun(scenario, name, 1) for name in ("static", "swr")])
    for run in order:
        leave_records(folder, run, 120, is_over=True, world="stack")
    record = folder / "raw" / "static" / "run.json"
    record.write_text("{")
    assert summarised(folder).exit_code == 3
    assert {row["strategy"]: row["world"] for row in kept(folder)} == {"static": "stack", "swr": "stack"}
    (folder / "raw" / "swr" / "run.json").write_text("{")
    assert summarised(folder).exit_code == 3
    assert {row["world"] for row in kept(folder)} == {"unknown"}


@pytest.mark.parametrize("name", ["plan.json", "scenario.json", "raw/static/run.json"])
def test_a_file_of_a_newer_lab_is_refused_and_the_figures_stay(tmp_path: Path, scenario: Scenario, name: str) -> None:
    folder = folder_for(tmp_path, scenario)
    keep_plan(folder, [run := PlannedRun(scenario, "static", 1)])
    leave_records(folder, run, 120, is_over=True)
    summarised(folder)
    before = (folder / "summary.json").read_bytes()
    stated = json.loads((folder / name).read_text()) | {"schema": 3}
    (folder / name).write_text(json.dumps(stated))
    said = summarised(folder)
    assert said.exit_code == 2
    assert f"{name}: schema: is 3, and this lab reads 2: a newer lab wrote the file" in " ".join(said.stderr.split())
    assert (folder / "summary.json").read_bytes() == before
