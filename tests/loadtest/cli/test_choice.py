"""Which strategies a command runs: those that run by default, a group, or those that are named, mistakes too."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.contender_names import version_of
from app.discovery import discover
from loadtest.cli import app
from loadtest.workload.scenario import scenario_names

FOUND = discover(wrong=True, contenders=True)
SIM = ("sim", "--duration", "2", "--no-reference", "--workers", "1")


def lab(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})


def ran(tmp_path: Path, *words: str) -> list[str]:
    """The rows of a short simulation, in the order of its report."""
    result = lab(*SIM, "--results", str(tmp_path), *words)
    assert result.exit_code == 0, result.output
    runs = json.loads((tmp_path / "latest" / "summary.json").read_text())["runs"]
    return [row["strategy"] for row in runs if not row["strategy"].endswith("ms")]  # without controls


def test_without_a_name_those_run_that_do_by_default(tmp_path: Path) -> None:
    assert ran(tmp_path) == FOUND.choose(None)


def test_all_are_the_right_ones_with_the_baseline_first(tmp_path: Path) -> None:
    assert ran(tmp_path, "--strategies", "all") == list(FOUND.strategies)


def test_a_mistake_that_is_named_runs_beside_the_others_and_is_marked(tmp_path: Path) -> None:
    assert ran(tmp_path, "--strategies", "half_lock,static") == ["static", "half_lock"]
    page, text = ((tmp_path / "latest" / name).read_text() for name in ("report.html", "report.md"))
    for report, name in ((page, "half_<wbr>lock ✗"), (page, "half_lock \\u2717"), (text, "| half\\_lock ✗")):
        assert name in report
    for report in (page, text):
        assert "✗: wrong on purpose" in report
        assert "static ✗" not in report


def test_the_list_tells_the_groups_apart() -> None:
    said = lab("list").stdout
    places = [
        said.index(title)
        for title in ("Strategies (", "More strategies", "Wrong on purpose", "Contenders (", "Scenarios (")
    ]
    assert places == sorted(places)
    more, wrong, contenders = (said[begin:end] for begin, end in pairwise(places[1:]))
    aside = set(FOUND.strategies) - set(FOUND.choose(None))
    assert {name for name in FOUND.choosable if f"\n  {name} " in more} == aside
    assert {name for name in FOUND.choosable if f"\n  {name} " in wrong} == set(FOUND.wrong)
    assert {name for name in FOUND.choosable if f"\n  {name} " in contenders} == set(FOUND.contenders)
    for one in FOUND.contenders.values():
        assert f"◇ {one.library} {version_of(one.library)}" in contenders
    assert "✗ right: singleflight" in wrong
    for name in (*FOUND.choosable, *scenario_names()):
        assert f"\n  {name} " in said, f"{name} runs into what is said of it"


@pytest.mark.parametrize(("strategies", "wrong"), [("static,swr", ""), ("all", ""), ("static,half_lock", "1")])
def test_the_stack_is_told_to_serve_mistakes_where_one_is_named(strategies: str, wrong: str) -> None:
    result = lab("settings", "--strategies", strategies)
    assert result.exit_code == 0, result.output
    assert f"WRONG={wrong}" in result.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["try", "half_lock"], "half_lock is wrong on purpose and keeps no contract"),
        (["try", "all"], "all: one strategy, by its name, and not"),
        (["replay", "1", "--strategy", "all"], "all: one strategy, by its name, and not"),
        (["sim", "--strategies", "static,every"], "there is no strategy 'every'; "),
    ],
)
def test_what_is_no_choice_is_refused(words: list[str], said: str) -> None:
    result = lab(*words)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
