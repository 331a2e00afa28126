"""`lab mistakes`: each mistake is shown to be wrong, by the figure and as much as theory has it."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.discovery import discover
from loadtest.cli import app, mistakes
from loadtest.figures.run_summary import RunSummary
from loadtest.report.measured_block import written
from loadtest.sim.cluster.simulate import SimulatedHistory
from loadtest.studies.mistakes import demonstration
from loadtest.studies.mistakes.demonstration import BadDemonstration, demonstrations
from loadtest.studies.mistakes.table import BLOCK, MistakesTable, ShownMistake, as_markdown, judge
from loadtest.theory import formulas
from loadtest.workload.planned_run import PlannedRun

FOUND = discover(references=False, wrong=True)
SEED = mistakes.SEED


@cache
def shown(name: str) -> ShownMistake:
    """The mistake as `lab mistakes` shows it, simulated once."""
    (one,) = demonstrations(FOUND, [name])
    runs = one.runs(FOUND, SEED)
    rows = [SimulatedHistory(run, FOUND.choosable[run.strategy]).simulated().row for run in runs]
    return judge(one, rows, one.command(FOUND, SEED))


def row(name: str) -> RunSummary:
    return shown(name).rows[name]


@pytest.mark.parametrize("name", FOUND.wrong)
def test_the_lab_shows_each_mistake(name: str) -> None:
    assert [gate.message for gate in shown(name).gates if not gate.passed] == []


def test_the_page_has_the_figures_that_a_run_has() -> None:
    page = mistakes.PAGE.read_text(encoding="utf-8")
    table = MistakesTable([shown(name) for name in FOUND.wrong], str(FOUND.baseline), SEED)
    assert written(page, BLOCK, as_markdown(table)) == page, "the figures are others by now: make mistakes"


def test_a_mistake_that_does_not_show_is_told_and_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (demonstration.FOLDER / "half_lock.toml").read_text()
    (tmp_path / "half_lock.toml").write_text(text.replace(">= 20", ">= 2000"))
    monkeypatch.setattr(demonstration, "FOLDER", tmp_path)
    result, told = command(tmp_path, "half_lock")
    assert result.exit_code == 1
    assert "not shown: half_lock" in result.stderr
    assert "0 of 1 mistakes are shown" in result.stdout
    assert (told["mistakes"][0]["shown"], told["mistakes"][0]["rows"]["half_lock"]["seed"]) == (False, SEED)


def test_one_that_shows_is_written_between_the_markers_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured: mistakes -->\nof yesterday\n<!-- end: mistakes -->\nafter\n")
    result, told = command(tmp_path, "pod_mutex", "--page", str(page))
    assert result.exit_code == 0, result.output
    written = page.read_text()
    assert written.startswith("before\n<!-- measured: mistakes -->\n| ✗ wrong on purpose")
    assert written.endswith("<!-- end: mistakes -->\nafter\n")
    assert "of yesterday" not in written
    assert told["mistakes"][0]["right_twin"] == "singleflight"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "there is no mistake 'nobody': name one of "),
        (["swr"], "there is no mistake 'swr'"),
        (["half_lock", "--page", "{folder}/none.md"], "--page: "),
        (["half_lock", "--page", "{folder}/plain.md"], "has no block between <!-- measured: mistakes -->"),
    ],
)
def test_bad_input_exits_2_before_anything_runs(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "plain.md").write_text("# Mine\n")
    result, told = command(tmp_path, *(word.format(folder=tmp_path) for word in words))
    assert (result.exit_code, told) == (2, None)
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "there is no scenario"), ("gates = ['singleflight.errors <= 0']", "must be about half_lock")],
)
def test_a_mistake_that_nothing_would_show_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    whole = (demonstration.FOLDER / "half_lock.toml").read_text()
    lines = [text if line.startswith("gates") else line for line in whole.splitlines()]
    if text:
        (tmp_path / "half_lock.toml").write_text("\n".join(lines))
    monkeypatch.setattr(demonstration, "FOLDER", tmp_path)
    with pytest.raises(BadDemonstration, match=said):
        demonstrations(FOUND, ["half_lock"])


# What theory says of them: lambda requests/s, L seconds for a load, T seconds of freshness.
RATE, LOAD_S, TTL_S, MINUTE_S = 450.0, 0.2, 5.0, 60.0


def test_half_a_lock_lets_half_a_herd_through() -> None:
    assert row("half_lock").stampedes["hot"]["mean"] == pytest.approx(formulas.half_gate_herd(RATE, LOAD_S), rel=0.05)


def test_one_over_remaining_refreshes_once_for_each_load_and_mean_wait_for_the_first_reader() -> None:
    reads = formulas.remaining_reads(RATE, TTL_S, LOAD_S, MINUTE_S)
    assert row("one_over_remaining").origin_reads == pytest.approx(reads, rel=0.05)


def test_a_threshold_without_a_lock_is_the_herd_of_a_fixed_ttl_more_often() -> None:
    found, ttl_s, early_s, hot_share = row("last_second"), 5.2, 1.0, 0.95
    herd = found.stampedes["hot"]
    assert herd["mean"] == pytest.approx(1 + found.achieved_rate * hot_share * LOAD_S, rel=0.05)
    assert herd["count"] == math.floor(MINUTE_S / (ttl_s - early_s + LOAD_S))
    assert found.origin_peak_1s == pytest.approx(103, rel=0.05)  # simulated elsewhere on the same load


def test_a_mutex_in_each_pod_is_as_many_loads_as_pods() -> None:
    pods = 10
    assert row("pod_mutex").stampedes["hot"]["mean"] == pytest.approx(formulas.pod_herd(RATE, LOAD_S, pods), rel=0.05)


def test_a_lock_that_outlives_its_holder_fails_whoever_gives_up_before_its_lease_ends() -> None:
    requests_s, lease_s, wait_s = 100.0, 10.0, 5.0
    assert row("outliving_lock").errors == pytest.approx(requests_s * (lease_s - wait_s + LOAD_S), rel=0.1)


def test_a_lease_of_a_second_fails_no_more_than_died_with_the_holder() -> None:
    name = "outliving_lock"
    scenario = shown(name).demonstration.scenario.model_copy(update={"params": {name: {"lease_s": 1.0}}})
    found = SimulatedHistory(PlannedRun(scenario, name, SEED), FOUND.wrong[name]).simulated().row
    assert found.errors <= shown(name).rows["singleflight"].errors


def test_a_cost_in_whole_seconds_refreshes_nothing_early() -> None:
    twin = shown("whole_second_cost").rows["xfetch"]
    assert row("whole_second_cost").reads_by_reason.get("early", 0) == 0
    assert twin.reads_by_reason["early"] > 10


def test_a_longer_spread_saves_what_a_fixed_ttl_of_its_mean_saves() -> None:
    rows = shown("longer_spread").rows
    assert rows["longer_spread"].origin_reads == pytest.approx(rows["static_12500ms"].origin_reads, rel=0.03)


def command(tmp_path: Path, *words: str) -> tuple[Result, Any]:
    """The outcome of `lab mistakes`, and its mistakes.json where there is one."""
    results = tmp_path / "results"
    asked = ["mistakes", *words, "--results", str(results), "--workers", "1"]
    result = CliRunner().invoke(app, asked, env={"COLUMNS": "200"})
    found = [*results.glob("*-mistakes/mistakes.json")]
    return result, json.loads(found[-1].read_text()) if found else None
