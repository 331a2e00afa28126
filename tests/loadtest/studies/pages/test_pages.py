"""`lab pages`: the docs have the figures that their runs have, and say which."""

from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.discovery import discover
from loadtest.cli import app
from loadtest.cli.pages import DOCS, PLAN, RECORDS, wanted_runs
from loadtest.studies.claims.published_experiment import read_experiments
from loadtest.studies.pages.blocks import Blocks
from loadtest.studies.pages.plan import BadPages, PagesPlan, SweepOfPages, Threshold, read_pages_plan
from loadtest.studies.pages.records import key_of, read_records
from loadtest.studies.pages.sweep_chart import SweptLine
from loadtest.studies.pages.swept import thresholds_of
from loadtest.studies.pages.taken import Taken, take
from loadtest.workload.planned_run import PlannedRun

FOUND = discover(wrong=True)
AGAIN = "the docs are out of date: make pages"


@cache
def plan() -> PagesPlan:
    return read_pages_plan(DOCS / PLAN)


@cache
def records() -> dict[str, Taken]:
    return read_records(DOCS / RECORDS)


def test_every_picture_table_and_number_of_the_docs_is_that_of_the_runs_kept() -> None:
    made = list(Blocks(DOCS, plan(), records(), FOUND, read_experiments()).made())
    assert len(made) > 30
    stale = [path.name for path, text in made if not path.exists() or path.read_text("utf-8") != text]
    assert stale == [], AGAIN


def test_the_runs_kept_are_those_of_the_scenarios_as_they_are() -> None:
    drawn, swept = wanted_runs(plan(), FOUND)
    assert {key_of(run) for run in (*drawn, *swept)} == records().keys(), AGAIN


@pytest.mark.parametrize("which", [0, 1])
def test_a_run_that_is_kept_comes_out_the_same_again(which: int) -> None:
    runs: list[PlannedRun] = wanted_runs(plan(), FOUND)[which]
    shortest = min(runs, key=lambda run: records()[key_of(run)].figures["requests"])
    kept, now = records()[key_of(shortest)], take(shortest)
    assert {name: now.figures[name] for name in kept.figures if name != "trace"} == {
        name: value for name, value in kept.figures.items() if name != "trace"
    }, AGAIN


def sweep(**threshold: object) -> SweepOfPages:
    return SweepOfPages(
        title="s", scenario="hot-key", strategies=["a", "b"], setting="pods=1", figure="p99_ms", x="x", y="y",
        thresholds=[Threshold.model_validate({"name": "t", "of": "a", "over": "b", **threshold})],
    )  # fmt: skip


A = SweptLine("a", [1, 2, 4], [1, 3, 9], [], [])
B = SweptLine("b", [1, 2, 4], [1, 1, 1], [], [])


def test_a_threshold_is_the_last_setting_at_which_its_condition_holds() -> None:
    assert thresholds_of(sweep(at_least=3), [A, B])["t"].at == 2
    assert thresholds_of(sweep(at_most=1, up_to=True), [A, B])["t"].at == 1
    with pytest.raises(BadPages, match="met nowhere"):
        thresholds_of(sweep(at_least=10), [A, B])
    with pytest.raises(BadPages, match="at every setting"):
        thresholds_of(sweep(at_least=1), [A, B])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pictures.p]\ntitle = 'p'\nruns = 'none'", "there is no 'none' among the runs"),
        ("[sweeps.s]\nrepeats = 0", "repeats"),
    ],
)
def test_a_plan_that_fits_nothing_is_refused_with_its_field(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / PLAN).write_text(text)
    result = CliRunner().invoke(app, ["pages", "--docs", str(tmp_path)])
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / RECORDS).exists()
