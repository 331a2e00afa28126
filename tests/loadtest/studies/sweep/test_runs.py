"""A sweep from its command line to its files: interrupted, gone on with, and refused where it would be another one."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.discovery import discover
from app.strategy import LoadReason, Status
from loadtest import cli
from loadtest.figures.history import Ending
from loadtest.figures.incident import Incident
from loadtest.figures.run_summary import RunSummary
from loadtest.sim.cluster.simulate import SimulatedHistory
from loadtest.studies.sweep.runs import BadSweep, Sweep, read_about, read_plan, resume
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.seeds import run_seed
from loadtest.worlds import virtual

SMALL = """
title = "Small"
duration_s = 2
pods = 2
[load]
loop = "closed"
users = 3
think_s = 0.1
[keys]
count = 2
[cache]
ttl_s = 1
[origin]
latency = "fixed(50)"
connections = 4
"""
GRID = ("--strategies", "static,xfetch", "--set", "xfetch.beta=1,2", "--set", "ttl_s=0.5,1")
POINTS = 6


class Here:
    """Runs one simulation after the other in this process, as long as `left` says so; then Ctrl-C is pressed."""

    name, executor, runs_at_once = "virtual", None, 1
    left, ran = 1_000, 0

    def __call__(self, *_: object) -> "Here":
        return self

    async def __aenter__(self) -> "Here":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def underway(self) -> float:
        return 0.0

    async def run(self, run: PlannedRun, _: object) -> SimulatedHistory:
        if not self.left:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)
        self.left, self.ran = self.left - 1, self.ran + 1
        return SimulatedHistory(run)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    instead = Here()
    monkeypatch.setattr(virtual, "VirtualWorld", instead)
    monkeypatch.setenv("COLUMNS", "160")
    return instead


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def lab(*words: object, command: str = "sweep") -> Result:
    return CliRunner().invoke(cli.app, [command, *map(str, words)])


def flat(result: Result) -> str:
    return " ".join(result.output.split())


def swept(small: Path, *words: str) -> tuple[Result, Path]:
    ended = lab("--scenario", small, "--results", small.parent / "results", *words)
    return ended, next((small.parent / "results").glob("*-sweep-small"))


def table_of(folder: Path) -> Any:
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_table(folder / "sweep.parquet")


def test_a_sweep_ends_as_one_table_with_a_row_per_run(small: Path, here: Here) -> None:
    ended, folder = swept(small, *GRID, "--repeats", "2", "--seed", "7")
    assert ended.exit_code == 0, ended.output
    assert re.fullmatch(r"\d{8}-\d{6}-sweep-small", folder.name)
    assert {path.name for path in folder.iterdir()} == {
        *("plan.json", "scenario.json", "environment.json", "points.jsonl"),
        *("sweep.parquet", "report.md", "report.html"),
    }
    table = table_of(folder)
    rows = table.to_pylist()
    assert len(rows) == here.ran == 2 * POINTS
    assert {(row["repeat"], row["seed"]) for row in rows} == {(1, 7), (2, run_seed(7, 2))}
    asked = [(row["strategy"], row["cache.ttl_s"], row["xfetch.beta"]) for row in rows if row["repeat"] == 1]
    assert asked == [
        *(("static", 0.5, None), ("xfetch", 0.5, 1.0), ("xfetch", 0.5, 2.0)),
        *(("static", 1.0, None), ("xfetch", 1.0, 1.0), ("xfetch", 1.0, 2.0)),
    ]
    scalars = {
        field.name for field in fields(RunSummary) if field.type in {int, float, str, bool, float | None, int | None}
    }
    counted = {*(f"status_{status}" for status in Status), *(f"reads_{why}" for why in LoadReason)}
    of_the_run = {"incidents", "notes", "cpu_s", "commit"}
    assert set(table.column_names) == {"cache.ttl_s", "xfetch.beta", *scalars, *counted, *of_the_run}
    kinds = {field.name: str(field.type) for field in table.schema}
    assert (kinds["origin_reads"], kinds["p99_ms"], kinds["xfetch.beta"], kinds["valid"], kinds["target_rate"]) == (
        *("int64", "double", "double", "bool", "double"),
    )
    for row in rows:
        assert sum(value for name, value in row.items() if name.startswith("status_")) == row["requests"] > 0
        assert re.fullmatch(r"[0-9a-f]{32}", row["trace"])
        assert row["commit"]


def test_the_baseline_comes_first_however_strategies_are_named(small: Path, here: Here) -> None:
    ended, _ = swept(small, "--strategies", "xfetch,static")
    listed = [line.split()[0] for line in ended.output.splitlines() if line.startswith(("static", "xfetch"))]
    assert listed == ["static", "xfetch"]


def test_a_sweep_comes_to_the_same_in_processes_of_its_own(small: Path, here: Here, tmp_path: Path) -> None:
    _, folder = swept(small, *GRID)
    here_traces = table_of(folder).column("trace").to_pylist()
    words = ["sweep", "--scenario", str(small), "--results", str(tmp_path / "again"), *GRID, "--workers", "1"]
    subprocess.run([sys.executable, "-m", "loadtest", *words], check=True, capture_output=True, timeout=60)
    again = next((tmp_path / "again").glob("*-sweep-small"))
    assert table_of(again).column("trace").to_pylist() == here_traces


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(small: Path, here: Here) -> None:
    here.left = 4
    ended, folder = swept(small, *GRID)
    assert ended.exit_code == 130
    assert f"4 of {POINTS} runs are kept. Go on with: lab sweep --resume {folder}" in flat(ended)
    assert not (folder / "sweep.parquet").exists()
    kept = (folder / "points.jsonl").read_text()
    here.left, here.ran = 1_000, 0
    gone_on = lab("--resume", folder)
    assert gone_on.exit_code == 0, gone_on.output
    assert here.ran == POINTS - 4
    assert "4 of 6 runs are there already." in gone_on.output
    assert (folder / "points.jsonl").read_text().startswith(kept)
    assert table_of(folder).num_rows == POINTS


def test_what_is_gone_on_with_equals_what_was_never_stopped(small: Path, here: Here, tmp_path: Path) -> None:
    _, whole = swept(small, *GRID)
    other = tmp_path / "other"
    here.left = 3
    lab("--scenario", small, "--results", other, *GRID)
    here.left = 1_000
    (stopped,) = other.iterdir()
    assert lab("--resume", stopped).exit_code == 0
    ours, theirs = (table_of(folder).drop_columns(["cpu_s"]) for folder in (whole, stopped))
    assert ours.equals(theirs)


def test_a_line_in_which_the_writer_was_stopped_is_run_again(small: Path, here: Here) -> None:
    _, folder = swept(small, *GRID)
    lines = (folder / "points.jsonl").read_text().splitlines(keepends=True)
    (folder / "points.jsonl").write_text("".join(lines[:3]) + lines[3][:100])
    here.ran = 0
    assert lab("--resume", folder).exit_code == 0
    assert here.ran == POINTS - 3
    kept = (folder / "points.jsonl").read_text().splitlines()
    assert len(kept) == POINTS
    assert all(json.loads(line)["row"]["requests"] for line in kept)


def test_a_finished_sweep_runs_nothing_again(small: Path, here: Here) -> None:
    _, folder = swept(small, *GRID)
    (folder / "sweep.parquet").unlink()
    here.ran = 0
    assert lab("--resume", folder, *GRID).exit_code == 0, "the same words may be said again"
    assert here.ran == 0
    assert table_of(folder).num_rows == POINTS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--set", "ttl_s=0.5"],
            "other settings: ('xfetch.beta=1,2', 'cache.ttl_s=0.5,1') then, ('cache.ttl_s=0.5',) now",
        ),
        (["--seed", "2"], "other seed: 1 then, 2 now"),
        (["--repeats", "3"], "other repeats: 1 then, 3 now"),
        (["--strategies", "static,xfetch,swr"], "other strategies"),
        (["--duration", "3"], "was begun with other scenario; begin"),
    ],
)
def test_another_grid_is_refused(small: Path, here: Here, words: list[str], said: str) -> None:
    here.left = 1
    _, folder = swept(small, *GRID)
    ended = lab("--resume", folder, *words)
    assert ended.exit_code == 2
    assert said in flat(ended)


def test_another_commit_and_changed_code_are_refused(small: Path, here: Here) -> None:
    here.left = 1
    _, folder = swept(small, *GRID)
    environment, plan = folder / "environment.json", folder / "plan.json"
    about = json.loads(environment.read_text())
    environment.write_text(json.dumps({**about, "commit": "0123456789"}))
    ended = lab("--resume", folder)
    assert ended.exit_code == 2
    assert "was begun at commit 0123456789, this is" in flat(ended)
    environment.write_text(json.dumps(about))
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "code": "other"}))
    ended = lab("--resume", folder)
    assert ended.exit_code == 2
    assert "app or loadtest was changed since" in flat(ended)


def test_a_line_of_another_sweep_is_named(small: Path, here: Here) -> None:
    _, folder = swept(small, *GRID)
    lines = (folder / "points.jsonl").read_text()
    (folder / "points.jsonl").write_text(lines.replace('"cache.ttl_s": 0.5', '"cache.ttl_s": 0.7', 1))
    ended = lab("--resume", folder)
    assert ended.exit_code == 2
    assert "points.jsonl, line 1: static with {'cache.ttl_s': 0.7} is not of this sweep" in flat(ended)


def test_no_two_write_into_one_sweep(small: Path, here: Here) -> None:
    _, folder = swept(small, *GRID)

    def again() -> Sweep:
        return resume(folder, read_plan(folder), discover().strategies, read_about(folder)["commit"])

    with again().open(), pytest.raises(BadSweep, match="another sweep is writing there"), again().open():
        pass


def test_a_directory_without_a_sweep_is_named(small: Path, here: Here) -> None:
    ended = lab("--resume", small.parent)
    assert ended.exit_code == 2
    assert "no sweep was begun there" in flat(ended)


def test_a_directory_with_the_plan_of_a_bench_is_named(small: Path, here: Here) -> None:
    (small.parent / "plan.json").write_text('{"schema": 2, "runs": []}')
    ended = lab("--resume", small.parent)
    assert ended.exit_code == 2
    assert "no sweep was begun there: its plan.json is not a sweep's" in flat(ended)


def test_a_sweep_of_a_newer_lab_is_refused_with_the_field_and_the_known_schema(small: Path, here: Here) -> None:
    _, folder = swept(small, *GRID)
    plan = folder / "plan.json"
    plan.write_text(plan.read_text().replace('"schema": 2', '"schema": 3'))
    ended = lab("--resume", folder)
    assert ended.exit_code == 2
    assert "plan.json: schema: is 3, and this lab reads 2: a newer lab wrote the file" in flat(ended)


@pytest.mark.parametrize("command", ["report", "gate", "compare"])
def test_whoever_asks_for_a_run_and_names_a_sweep_is_told_what_reports_it(
    command: str, small: Path, here: Here
) -> None:
    _, folder = swept(small, *GRID)
    ended = lab(folder, *([folder] if command == "compare" else []), command=command)
    assert ended.exit_code == 2
    told = f"is a sweep, which has the figures of its points and no raw records: lab sweep --resume {folder}"
    assert told in flat(ended)
    assert "--raw" not in flat(ended)


def test_a_bad_setting_is_told_before_anything_is_run_or_made(small: Path, here: Here) -> None:
    ended = lab("--scenario", small, "--results", small.parent / "results", "--set", "ttl_s=1,0.01")
    assert ended.exit_code == 2
    assert "--set cache.ttl_s=0.01: Input should be greater than or equal to 0.05" in flat(ended)
    assert here.ran == 0
    assert not (small.parent / "results").exists()


def test_without_pyarrow_the_extra_is_named_before_anything_is_run(
    small: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = lab("--scenario", small, "--results", small.parent / "results", *GRID)
    assert ended.exit_code == 1
    assert "pip install 'stampede-lab[sweep]'" in flat(ended)
    assert here.ran == 0


def test_a_run_that_broke_an_invariant_is_told_and_ends_with_code_3(
    small: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SimulatedHistory.ending

    def broken(history: SimulatedHistory) -> Ending:
        return replace(real(history), incidents=[Incident("it | went wrong")])

    monkeypatch.setattr(SimulatedHistory, "ending", broken)
    ended, folder = swept(small, "--strategies", "static")
    assert ended.exit_code == 3
    assert table_of(folder).column("incidents").to_pylist() == ["it | went wrong"]
    assert "went wrong" in (folder / "report.md").read_text()
