"""Measured figures are kept first; whatever is made of them may fail alone, and can be made again."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.discovery import discover
from app.ledger import OriginRead
from loadtest.figures.from_records import CUT_SHORT, Measured
from loadtest.figures.records import ANSWER_COLUMNS
from loadtest.figures.redis_info import NOT_KNOWN
from loadtest.figures.run_folder import RunRecord, keep_turns, new_run_folder
from loadtest.report import write as summarise
from loadtest.report.write import NothingToSummarise, summarise_folder, write_results
from loadtest.sim.cluster.simulate import simulate
from loadtest.theory.reference_rows import with_prediction
from loadtest.workload.planned_run import Turn
from loadtest.workload.scenario import Scenario, read_scenario

FOUND = discover()
ABOUT = {"seed": 1, "command": "lab bench"}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return read_scenario("hot-key", duration_s=12)


@pytest.fixture(scope="module")
def measured(scenario: Scenario) -> list[Measured]:
    return [
        (Turn(name), *simulate(scenario, FOUND.strategies[name], 1)[:2]) for name in ("static", "singleflight", "swr")
    ]


def folder_for(tmp_path: Path, scenario: Scenario) -> Path:
    return new_run_folder(tmp_path / "results", scenario.name, ABOUT, scenario)


def kept(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "summary.json").read_text())
    return rows


def no_theory(*_: Any) -> None:
    raise ValueError("zero-size array to reduction operation maximum")


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("with_prediction", "the prediction of swr could not be made: ValueError: zero-size array"),
        ("in_words", "sentences about the repeats could not be made"),
        ("write_html", "report.html could not be made"),
    ],
)
def test_what_is_made_of_figures_fails_alone_with_a_line(
    part: str, line: str, tmp_path: Path, scenario: Scenario, measured: Sequence[Measured], monkeypatch: Any
) -> None:
    folder = folder_for(tmp_path, scenario)
    monkeypatch.setattr(summarise, part, no_theory)
    summary = write_results(folder, measured, scenario, ABOUT, FOUND)
    assert [row["origin_reads"] for row in kept(folder)] == [row.origin_reads for _, row, _ in measured]
    assert any(said.startswith(line) for said in summary.missing)
    assert line in (folder / "report.md").read_text()
    assert (folder / "report.html").exists() == (part != "write_html")
    assert (tmp_path / "results" / "latest").resolve() == folder


def test_a_prediction_that_fails_takes_no_other_with_it(
    tmp_path: Path, scenario: Scenario, measured: Sequence[Measured], monkeypatch: Any
) -> None:
    real = with_prediction
    monkeypatch.setattr(
        summarise, "with_prediction", lambda row, *rest: no_theory() if row.strategy == "swr" else real(row, *rest)
    )
    write_results(folder := folder_for(tmp_path, scenario), measured, scenario, ABOUT, FOUND)
    told = {row["strategy"]: row["predicted_reads"] for row in kept(folder)}
    assert told["swr"] is None
    assert told["singleflight"] > 0


@pytest.mark.parametrize("what", ["directory", "file"])
def test_a_latest_that_is_no_link_stays_and_the_run_is_good(
    what: str, tmp_path: Path, scenario: Scenario, measured: Sequence[Measured]
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
    tmp_path: Path, scenario: Scenario, measured: Sequence[Measured]
) -> None:
    folder = folder_for(tmp_path, scenario)
    (folder / "report.md").mkdir()
    summary = write_results(folder, measured, scenario, ABOUT, FOUND)
    assert any(said.startswith("report.md could not be made: IsADirectoryError") for said in summary.missing)
    assert len(kept(folder)) == 3
    assert not list(folder.glob(".*.half"))


def leave_records(folder: Path, scenario: Scenario, turn: Turn, requests: int, is_over: bool) -> None:
    """As a bench does: a request and a read each 100 ms."""
    raw = folder / "raw" / turn.label
    raw.mkdir(parents=True)
    RunRecord(
        scenario.name, turn.name, "native", 1, scenario.pods, scenario.load.loop, scenario.duration_s, None,
        repeat=turn.repeat, is_over=is_over,
    ).write(raw)  # fmt: skip
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


def test_a_folder_whose_bench_was_killed_is_summarised_from_what_is_there(tmp_path: Path, scenario: Scenario) -> None:
    folder = folder_for(tmp_path, scenario)
    order = [Turn("static"), Turn("singleflight"), Turn("swr"), Turn("xfetch")]
    keep_turns(folder, order)
    leave_records(folder, scenario, order[0], 120, is_over=True)
    leave_records(folder, scenario, order[1], 50, is_over=False)
    leave_records(folder, scenario, order[2], 0, is_over=True)
    summary, rows = summarise_folder(folder, FOUND)
    by_name = {row.strategy: row for row in rows}
    assert by_name["static"].requests == 120
    assert NOT_KNOWN in by_name["static"].notes
    assert CUT_SHORT not in by_name["static"].events
    assert CUT_SHORT in by_name["singleflight"].events
    assert not by_name["singleflight"].valid
    assert not by_name["swr"].valid
    assert "no request was sent" in by_name["swr"].events
    assert "The run ended early: xfetch not run" in summary.missing
    assert "xfetch not run" in (folder / "report.md").read_text()
    assert {row["strategy"] for row in kept(folder)} == {"static", "singleflight", "swr"}
    assert not (folder.parent / "latest").exists()


def test_a_folder_without_raw_records_is_refused_in_one_sentence(tmp_path: Path, scenario: Scenario) -> None:
    with pytest.raises(NothingToSummarise, match="no raw records there"):
        summarise_folder(folder_for(tmp_path, scenario), FOUND)
