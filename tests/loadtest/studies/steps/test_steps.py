"""`lab steps`: one number is carried through remedies, each beside what it was before, and what got worse is told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.discovery import discover
from loadtest import ROOT
from loadtest.cli import app
from loadtest.cli.steps import REPEATS
from loadtest.figures.run_summary import RunSummary
from loadtest.sim.cluster.simulate import SimulatedHistory, rare_collections
from loadtest.studies.steps import native_steps
from loadtest.studies.steps.plan import StepByStep, read_steps
from loadtest.studies.steps.table import DEFAULT, StepsTable, as_markdown
from loadtest.studies.steps.taken import SURE_REPEATS_MIN, TakenStep

FOUND = discover().strategies
PAGE = ROOT / "docs" / "steps.md"
PLACE = "mine\n<!-- measured: steps -->\nof yesterday\n<!-- end: steps -->\nmine too\n"
SMALL = """
schema = 2
title = "Two steps and an outage"

[scenario]
duration_s = 9
pods = 3
load = { loop = "open", rate_per_s = 60 }
keys = { count = 2 }
cache = { ttl_s = 1 }
origin = { latency = "fixed(200)", connections = 8 }

[[steps]]
name = "alone"
says = "a lock"
strategy = "layered"
params = { collapse = "fleet", spread = 0, stale_s = 0, beta = 0, stale_if_error_s = 0 }

[[steps]]
name = "kept"
says = "entries are kept for an outage"
params = { stale_if_error_s = 30 }

[[steps]]
name = "down"
says = "the outage"
changes.faults = [{ kind = "origin-fails", at_s = 2, for_s = 4 }]
"""


def small(tmp_path: Path, *changed: tuple[str, str]) -> Path:
    """A file of three small steps, with some of its text changed."""
    text = SMALL
    for old, new in changed:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "small.toml").write_text(text)
    return tmp_path / "small.toml"


def command(tmp_path: Path, *words: str) -> tuple[Result, Any]:
    """The outcome of `lab steps`, and its steps.json where there is one."""
    results = tmp_path / "results"
    asked = ["steps", *words, "--results", str(results), "--workers", "1"]
    result = CliRunner().invoke(app, asked, env={"COLUMNS": "250"})
    found = [*results.glob("*/steps.json")]
    return result, json.loads(found[-1].read_text()) if found else None


def simulated(plan: StepByStep, name: str, repeats: int) -> list[RunSummary]:
    with rare_collections():
        return [SimulatedHistory(run, FOUND[run.strategy]).simulated().row for run in plan.runs(name, 1, repeats)]


def test_a_step_has_what_all_steps_before_it_have_changed() -> None:
    plan = read_steps(DEFAULT)
    last = plan.steps[-1].name
    params = plan.workload(last).params[plan.strategy(last)]
    assert {name: params[name] for one in plan.steps for name in one.params} == params
    assert [plan.workload(one.name).faults != [] for one in plan.steps] == sorted(
        plan.workload(one.name).faults != [] for one in plan.steps
    ), "what is broken stays broken"
    assert [plan.before(one.name) for one in plan.steps][:3] == [None, *(one.name for one in plan.steps[:2])]


def test_the_lines_of_the_page_are_what_virtual_time_does_now() -> None:
    """Two of them and those before them; the whole page would take half a minute."""
    plan, page = read_steps(DEFAULT), PAGE.read_text(encoding="utf-8")
    for name in ("lock", "xfetch"):
        before = plan.before(name)
        assert before is not None
        one = TakenStep(plan.named(name), simulated(plan, name, REPEATS), simulated(plan, before, REPEATS))
        table = StepsTable(plan, DEFAULT, [one], [], 1)
        (line,) = [
            line for line in as_markdown(table, {"command": "", "commit": ""}).splitlines() if f"| {name}" in line
        ]
        cells = [cell.strip() for cell in line.split("|")]
        (found,) = [line for line in page.splitlines() if line.startswith(f"| {name} ")]
        assert [cell.strip() for cell in found.split("|")] == cells, "make steps NATIVE=3 PAGE=docs/steps.md"


def test_each_figure_stands_beside_what_it_was_and_worse_is_what_is_larger_in_every_repeat(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PLACE)
    result, told = command(tmp_path, str(small(tmp_path)), "--page", str(page))
    assert result.exit_code == 0, result.output
    alone, kept, down = told["steps"]
    assert (alone["before"], kept["before"], down["before"]) == (None, "alone", "kept")
    assert kept["figures"] == kept["before_was"] == alone["figures"]
    assert (kept["worse"], kept["better"]) == ([], [])
    assert {"origin reads", "stale %"} <= {*down["worse"]}
    assert down["figures"]["errors"] == 0
    written = page.read_text()
    assert written.startswith("mine\n<!-- measured: steps -->\n\nsmall: ")
    assert written.endswith("\n\n<!-- end: steps -->\nmine too\n")
    assert "of yesterday" not in written
    assert f"{down['figures']['origin reads']:.0f}, before was {kept['figures']['origin reads']:.0f}" in written
    assert "--only down`" in written, "a line names the command that makes it"


def test_a_difference_between_too_few_repeats_is_not_called_worse() -> None:
    plan = read_steps(DEFAULT)
    rows = simulated(plan, "lock", 1)
    more = [replace(row, origin_reads=row.origin_reads + 100) for row in rows]
    few, enough = (
        TakenStep(plan.steps[1], times * more, times * rows) for times in (SURE_REPEATS_MIN - 1, SURE_REPEATS_MIN)
    )
    assert (few.worse, enough.worse, enough.better) == ([], ["origin reads"], [])
    mixed = TakenStep(plan.steps[1], [*rows, *4 * more], 5 * rows)
    assert mixed.worse == [], "in one of the repeats it was the same"


def test_an_answer_that_waited_for_a_failed_load_is_no_latency_that_virtual_time_assumes(tmp_path: Path) -> None:
    warmed = ("cache = { ttl_s = 1 }", 'cache = { ttl_s = 1 }\nwarm = { keys = "burst" }')
    to_the_end = ("for_s = 4", "for_s = 7")
    plan = read_steps(str(small(tmp_path, ("stale_s = 0", "stale_s = 1"), warmed, to_the_end)))
    for name, is_assumed in (("kept", True), ("down", False)):
        (row,) = simulated(plan, name, 1)
        assert row.hit_ratio == 1.0
        assert ("p99_ms" in row.assumed) is is_assumed is ((row.p99_ms or 0) < 1)
        assert "p50_ms" in row.assumed


def test_measured_are_the_first_step_the_last_without_a_fault_and_the_last_and_then_the_greatest_changes() -> None:
    plan = read_steps(DEFAULT)
    (row,) = simulated(plan, "lock", 1)
    reads = {one.name: 100 for one in plan.steps} | {"collapse": 30}
    rows = {name: [replace(row, origin_reads=count)] for name, count in reads.items()}
    lines = [TakenStep(one, rows[one.name], rows.get(plan.before(one.name) or "", ())) for one in plan.steps]
    assert native_steps.chosen(plan, lines, 0) == []
    assert native_steps.chosen(plan, lines, 3) == [plan.steps[0].name, "layered", plan.steps[-1].name]
    assert native_steps.chosen(plan, lines, 5)[1:3] == ["collapse", "lock"], "to it, and from it"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (('name = "kept"', 'name = "alone"'), "more than one is called alone"),
        (('strategy = "layered"', ""), "steps.0.strategy: the first step states one"),
        (('says = "the outage"', 'says = "the outage"\nbefore = "later"'), "steps.2.before: 'later' is no step above"),
        (("at_s = 2", "at_s = 20"), "faults.0.at_s must be less than duration_s (9)"),
        (("stale_if_error_s = 30", "stale_if_error_s = -1"), "steps.kept: params.layered.stale_if_error_s"),
        (("stale_if_error_s = 30", "stale_for_s = 30"), "steps.kept: params.layered"),
        (('strategy = "layered"', 'strategy = "laid"'), "steps.alone: there is no strategy 'laid'"),
        (('says = "the outage"', ""), "steps.2.says: must be stated"),
    ],
)
def test_a_file_that_cannot_be_run_exits_2_and_names_the_step(
    changed: tuple[str, str], said: str, tmp_path: Path
) -> None:
    result, told = command(tmp_path, str(small(tmp_path, changed)))
    assert (result.exit_code, told) == (2, None)
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "there is no file of steps 'nobody': name one of layers, or a .toml file"),
        (["{folder}/none.toml"], "there is no file"),
        (["--only", "roof"], "there is no step 'roof': name one of nothing, spread, "),
        (["--page", "{folder}/none.md"], "--page"),
        (["--page", "{folder}/plain.md"], "has no block between <!-- measured: steps -->"),
    ],
)
def test_bad_input_exits_2_before_anything_runs(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "plain.md").write_text("# Mine\n")
    result, told = command(tmp_path, *(word.format(folder=tmp_path) for word in words))
    assert (result.exit_code, told) == (2, None)
    assert said in " ".join(result.stderr.split())


def test_a_step_that_is_no_result_exits_3_and_leaves_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PLACE)
    file = small(tmp_path, ("rate_per_s = 60", "rate_per_s = 0.01"))
    result, told = command(tmp_path, str(file), "--only", "alone", "--repeats", "1", "--page", str(page))
    assert result.exit_code == 3, result.output
    assert "no result: alone" in result.stderr
    assert told["steps"][0]["summaries"][0]["valid"] is False
    assert "of yesterday" in page.read_text()
