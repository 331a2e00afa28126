"""`lab drill`: every fault of the list against every strategy, and what must hold."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from loadtest.cli.conduct import real, run_in, virtual
from loadtest.cli.document import keep_and_tell
from loadtest.cli.gate import OWN_JUNIT
from loadtest.cli.inputs import chosen, discovered
from loadtest.cli.options import RESULTS, Markdown, Results, Seed, Strategies
from loadtest.cli.output_files import lines_of, write_beside
from loadtest.cli.running import guarded, run_folder, this_run
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, fail, named
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.figures.whole_file import write_whole
from loadtest.report.contents import VIRTUAL
from loadtest.studies.drills.plan import BadDrill, Subject, drill_names, place, read_drill, subjects
from loadtest.studies.drills.table import MARKS, DrillResults, as_json, as_junit, as_markdown
from loadtest.studies.drills.verdict import DrillVerdict, Judged, judge
from loadtest.workload.gate import BadGate
from loadtest.workload.near_names import no_strategy, no_such
from loadtest.workload.planned_run import PlannedRun

WORLDS = ("virtual", "native")
LINES_MAX = 10
"""The most lines of progress, where the output is no terminal."""
_STYLES = {"✅": "green", "❌": "bold red", "⚠️": "yellow", "·": "dim"}


def drill(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Drills, by name or as .toml files, also by comma. Default: all."),
    ] = None,
    world: Annotated[str, typer.Option(help="virtual, or native: then what real processes can do.")] = "virtual",
    strategies: Strategies = None,
    both: Annotated[bool, typer.Option("--both", help="Run everybody without nets too, for comparison.")] = False,
    seed: Seed = 1,
    workers: Workers = None,
    results: Results = RESULTS,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML into this file too, a test case a line.")] = None,
    markdown: Markdown = None,
) -> None:
    """Break the system as each drill says, and hold every strategy to what must hold.

    Without nets, a drill's negative controls have to fail it. Exit codes: 0 all held, 1 something broke or a drill is
    too easy, 2 bad input, 3 a run is no result.
    """
    if world not in WORLDS:
        fail(f"--world: {no_such('world', world, WORLDS)}")
    asked, skipped = _asked(names, world, strategies, both)
    about = this_run(seed, is_virtual=world == "virtual") | (VIRTUAL if world == "virtual" else {})
    folder = run_folder(results, "drill", about)
    runs = _runs(asked, seed, is_native=world == "native")
    summaries = _carried_out(runs, world, folder, workers, about)
    lines = sorted([*skipped, *_judged(asked, seed, summaries)], key=lambda one: place(one.subject.scenario))
    table = DrillResults("virtual time" if world == "virtual" else world, lines)
    _report(table, folder, about)
    if junit is not None:
        write_beside(junit, as_junit(table), OWN_JUNIT)
    if markdown is not None:
        write_beside(markdown, as_markdown(table, about), "### Drills: ")
    if bad := [f"{one.subject.scenario.name}, {one.subject.name}" for one in table.lines if one.verdict.is_bad]:
        fail(f"{len(bad)} of {len(table.lines)} did not hold: {'; '.join(bad)}", code=1)
    if any(one.is_no_result for one in table.lines):
        fail("at least one run is no result: see what was observed", code=3)


def _asked(
    names: list[str] | None, world: str, strategies: str | None, both: bool
) -> tuple[list[Subject], list[Judged]]:
    """The subjects of the drills asked for, and a line for each drill that the world cannot do; exit 2 for others."""
    found = discovered()
    asked, skipped = [], []
    try:
        drills = [read_drill(name) for name in dict.fromkeys(_several(names) or drill_names())]
    except BadDrill as error:
        fail(error)
    for scenario in drills:
        own = chosen(found, strategies, scenario, in_virtual_time=world == "virtual")
        assert scenario.drill is not None
        if unknown := [name for name in scenario.drill.must_fail if name not in found.choosable]:
            fail(f"{scenario.name}: drill.must_fail: {no_strategy(unknown[0], found.choosable)}")
        if why := scenario.why_not_in(world):
            skipped.append(Judged(Subject(scenario, "all", ""), DrillVerdict.NOT_JUDGED, why=why))
        else:
            asked += subjects(scenario, own, both=both)
    return asked, skipped


def _several(names: list[str] | None) -> list[str]:
    return [one.strip() for text in names or () for one in text.split(",") if one.strip()]


def _runs(asked: list[Subject], seed: int, *, is_native: bool) -> dict[str, PlannedRun]:
    """The runs to make, by a name for each folder; one without faults serves all drills that are like it."""
    runs: dict[str, PlannedRun] = {}
    for one in asked:
        runs[one.folder] = one.run(seed)
        if one.needs_healthy or (is_native and _has_ceiling(one)):
            runs.setdefault(_healthy_key(one, seed), one.healthy(seed))
    return runs


def _has_ceiling(one: Subject) -> bool:
    """Whether its costs are held to those without faults: those of a negative control are not."""
    return bool(one.scenario.faults) and not (one.must_fail or one.is_shown)


def _healthy_key(one: Subject, seed: int) -> str:
    run = one.healthy(seed)
    return f"{run.strategy}: {run.scenario.model_dump_json()}"


def _carried_out(
    runs: dict[str, PlannedRun], world: str, folder: Path, workers: int | None, about: dict[str, Any]
) -> dict[str, RunSummary]:
    where = {
        id(run): folder / "runs" / f"{number:03}-{run.scenario.name}-{run.strategy}"
        for number, run in enumerate(runs.values(), 1)
    }
    with lines_of(folder / "runs.jsonl") as keep:
        opened = (
            virtual(len(runs), workers, lines_max=LINES_MAX)
            if world == "virtual"
            else real(world, lambda run: where[id(run)], about["command"])
        )
        if not runs:
            return {}
        with opened as shown:
            kept = run_in(shown, list(runs.values()), lambda one: keep(one.summary.as_dict()))
            finished: list[Finished] = guarded(kept)
    return {key: one.summary for key, one in zip(runs, finished, strict=True)}


def _judged(asked: list[Subject], seed: int, summaries: dict[str, RunSummary]) -> list[Judged]:
    try:
        return [judge(one, summaries[one.folder], summaries.get(_healthy_key(one, seed))) for one in asked]
    except BadGate as error:
        fail(error)


def _report(table: DrillResults, folder: Path, about: dict[str, Any]) -> None:
    keep_and_tell(folder / "drill.json", as_json(table, about))
    write_whole(folder / "report.md", as_markdown(table, about))
    write_whole(folder / "junit.xml", as_junit(table))
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in table.headings:
        shown.add_column(escape(heading), overflow="fold")
    for one in table.lines:
        *cells, verdict = table.cells(one)
        shown.add_row(*map(escape, cells), f"[{_STYLES[MARKS[one.verdict]]}]{escape(verdict)}[/]")
    console.print(shown)
    console.print(escape(table.said), soft_wrap=True, highlight=False)
    console.print(f"Report: {named(folder / 'report.md')}", soft_wrap=True, highlight=False)
