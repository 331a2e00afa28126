"""`lab steps`: one number carried through remedies that are added one at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from loadtest.cli.conduct import real, run_in, virtual
from loadtest.cli.document import keep_and_tell
from loadtest.cli.inputs import discovered
from loadtest.cli.options import RESULTS, Results, Seed
from loadtest.cli.output_files import MarkedPage, lines_of
from loadtest.cli.running import guarded, run_folder, this_run
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, fail, named, say
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.figures.whole_file import write_whole
from loadtest.report.contents import VIRTUAL
from loadtest.studies.steps import native_steps
from loadtest.studies.steps.plan import StepByStep, read_steps
from loadtest.studies.steps.table import DEFAULT, HEADINGS, Measured, StepsTable, as_json, as_markdown
from loadtest.studies.steps.taken import TakenStep
from loadtest.workload.near_names import LAB_LIST, no_such
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import BadScenario

BLOCK = "steps"
"""The name in the markers of a page."""
REPEATS = 5
LINES_MAX = 10
"""The most lines of progress, where the output is no terminal."""
LEFT_OUT = ("what it adds", "command")
"""The columns that are in report.md alone, because they would leave no room for figures on a terminal."""


def steps(
    name: Annotated[str, typer.Argument(help="The steps: a name, or a .toml file.")] = DEFAULT,
    only: Annotated[str | None, typer.Option(help="Steps by comma, and what they are compared with.")] = None,
    native: Annotated[
        int, typer.Option(min=0, max=native_steps.NATIVE_MAX, help="Measure so many steps natively too.")
    ] = 0,
    page: Annotated[
        Path | None, typer.Option(help="Write the table into this page too, between its markers (docs/steps.md).")
    ] = None,
    repeats: Annotated[
        int, typer.Option(min=1, max=1_000, help="Runs of each step, each with another seed.")
    ] = REPEATS,
    seed: Seed = 1,
    workers: Workers = None,
    results: Results = RESULTS,
) -> None:
    """Carry one number through remedies that are added one at a time: origin reads, each beside what it was before.

    Exit codes: 0 done, 2 bad input, 3 a run is no result.
    """
    plan, asked = _asked(name, only)
    marked = None if page is None else MarkedPage.read(page, BLOCK)
    about = this_run(seed, is_virtual=not native) | ({} if native else VIRTUAL)
    folder = run_folder(results, f"steps-{plan.scenario.name}", about, plan.scenario)
    rows = _simulated(plan, plan.with_befores(asked), seed, repeats, folder, workers)
    lines = [TakenStep(plan.named(one), rows[one], rows.get(plan.before(one) or "", ())) for one in asked]
    table = StepsTable(plan, name, lines, [], seed)
    try:
        table = replace(table, measured=_measured(table, native, folder, about))
    finally:
        _report(table, folder, about)
    if marked is not None and all(one.is_result for one in lines):
        marked.write(f"\n{as_markdown(table, about)}\n\n")
    invalid = [one.step.name for one in lines if not one.is_result]
    if invalid := [*invalid, *(f"{one.step}, natively" for one in table.measured if not one.row.valid)]:
        fail(f"no result: {'; '.join(invalid)}: see the incidents in steps.json", code=3)


def _asked(name: str, only: str | None) -> tuple[StepByStep, list[str]]:
    """The steps asked for, all of which can be run; exit 2 for others."""
    found = discovered().strategies
    try:
        plan = read_steps(name)
    except BadScenario as error:
        fail(error)
    known = [one.name for one in plan.steps]
    asked = [one.strip() for one in only.split(",")] if only else known
    if unknown := [one for one in asked if one not in known]:
        fail(f"--only: {no_such('step', unknown[0], known)}")
    for one in known:
        if (strategy := found.get(plan.strategy(one))) is None:
            fail(f"{name}: steps.{one}: {no_such('strategy', plan.strategy(one), found, LAB_LIST)}")
        try:
            strategy.checked_params(plan.workload(one).params.get(strategy.name, {}))
        except ValueError as error:
            fail(f"{name}: steps.{one}: params.{error}")
    return plan, [one for one in known if one in asked]


def _simulated(
    plan: StepByStep, names: Sequence[str], seed: int, repeats: int, folder: Path, workers: int | None
) -> Mapping[str, Sequence[RunSummary]]:
    runs = {one: plan.runs(one, seed, repeats) for one in names}
    planned = [run for each in runs.values() for run in each]
    with lines_of(folder / "runs.jsonl") as keep, virtual(len(planned), workers, lines_max=LINES_MAX) as shown:
        finished: list[Finished] = guarded(run_in(shown, planned, lambda one: keep(one.summary.as_dict())))
    summaries = iter(one.summary for one in finished)
    return {name: [next(summaries) for _ in each] for name, each in runs.items()}


def _measured(table: StepsTable, native: int, folder: Path, about: Mapping[str, Any]) -> list[Measured]:
    """The steps that real processes have taken too; one that they cannot do is left out, and said."""
    runs: dict[str, PlannedRun] = {}
    for name in native_steps.chosen(table.plan, table.lines, native):
        (run,) = table.plan.runs(name, table.seed, 1)
        if why := run.scenario.why_only_virtual:
            say(f"[yellow]{escape(name)} is not measured:[/] {escape(why)}")
        else:
            runs[name] = run
    if not runs:
        return []
    where = {id(run): folder / "native" / name for name, run in runs.items()}
    with real("native", lambda run: where[id(run)], about["command"]) as shown:
        measured: list[Finished] = guarded(run_in(shown, list(runs.values())))
    rows = [one.summary for one in measured]
    led = [
        replace(run, scenario=run.scenario.led_by(row.lead_s + row.warm_spread_s / 2))
        for run, row in zip(runs.values(), rows, strict=True)
    ]
    with virtual(len(led)) as shown:
        simulated: list[Finished] = guarded(run_in(shown, led))
    return [Measured(name, row, one.summary) for name, row, one in zip(runs, rows, simulated, strict=True)]


def _report(table: StepsTable, folder: Path, about: Mapping[str, Any]) -> None:
    keep_and_tell(folder / "steps.json", as_json(table, about))
    write_whole(folder / "report.md", f"## {table.plan.title}\n\n{as_markdown(table, about)}\n")
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in HEADINGS:
        if heading not in LEFT_OUT:
            shown.add_column(escape(heading), overflow="fold")
    for one in table.lines:
        told = zip(HEADINGS, table.cells(one), strict=True)
        shown.add_row(*(escape(cell) for heading, cell in told if heading not in LEFT_OUT))
    console.print(shown)
    for sentence in table.said:
        console.print(escape(sentence), soft_wrap=True, highlight=False)
    for cells in table.measured_cells():
        console.print(escape(", ".join(cells)), soft_wrap=True, highlight=False)
    console.print(f"Report: {named(folder / 'report.md')}", soft_wrap=True, highlight=False)
