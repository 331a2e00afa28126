"""`lab mistakes`: every mistake beside its right twin."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from loadtest import ROOT
from loadtest.cli.conduct import run_in, virtual
from loadtest.cli.document import keep_and_tell
from loadtest.cli.inputs import discovered
from loadtest.cli.options import RESULTS, Results, Seed
from loadtest.cli.output_files import MarkedPage
from loadtest.cli.running import guarded, run_folder, this_run
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, fail, named, warn
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.figures.whole_file import write_whole
from loadtest.report.contents import VIRTUAL
from loadtest.studies.mistakes.demonstration import BadDemonstration, demonstrations
from loadtest.studies.mistakes.table import BLOCK, MistakesTable, as_json, as_markdown, judge
from loadtest.workload.gate import BadGate

PAGE = ROOT / "docs" / "mistakes.md"
SEED = 1
"""The seed of the page's figures."""


def mistakes(
    names: Annotated[list[str] | None, typer.Argument(help="Mistakes, by name, also by comma. Default: all.")] = None,
    seed: Seed = SEED,
    workers: Workers = None,
    page: Annotated[
        Path | None, typer.Option(help=f"A page with markers to write it into. Default: docs/{PAGE.name}, of all.")
    ] = None,
    results: Results = RESULTS,
) -> None:
    """Simulate what is wrong on purpose beside what is right: one table, one figure each.

    Exit 1 where a mistake does not show.
    """
    found = discovered()
    asked = list(dict.fromkeys(name.strip() for text in names or () for name in text.split(","))) or list(found.wrong)
    if page is None and not names and seed == SEED and PAGE.is_file():
        page = PAGE
    try:
        shown = demonstrations(found, asked)
    except BadDemonstration as error:
        fail(error)
    marked = None if page is None else MarkedPage.read(page, BLOCK)
    about = this_run(seed, is_virtual=True) | VIRTUAL
    folder = run_folder(results, "mistakes", about)
    runs = [run for one in shown for run in one.runs(found, seed)]
    with virtual(len(runs), workers) as world:
        finished: list[Finished] = guarded(run_in(world, runs))
    rows: dict[str, list[RunSummary]] = {}
    for one in finished:
        rows.setdefault(one.run.scenario.name, []).append(one.summary)
    try:
        judged = [judge(one, rows[one.scenario.name], one.command(found, seed)) for one in shown]
    except BadGate as error:
        fail(error)
    table = MistakesTable(judged, found.baseline or "", seed)
    keep_and_tell(folder / "mistakes.json", as_json(table, about))
    write_whole(folder / "report.md", as_markdown(table))
    _print(table)
    console.print(f"Report: {named(folder / 'report.md')}", soft_wrap=True, highlight=False)
    if hidden := [one for one in judged if not one.is_shown]:
        warn(gate.message for one in hidden for gate in one.gates if not gate.passed)
        fail(f"not shown: {', '.join(one.demonstration.name for one in hidden)}", code=1)
    if marked is not None:
        marked.write(as_markdown(table))


def _print(table: MistakesTable) -> None:
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in table.headings:
        is_text = heading in {table.headings[0], "figure", "right twin", "shown"}
        shown.add_column(escape(heading), justify="left" if is_text else "right", overflow="fold")
    for one in table.shown:
        shown.add_row(*map(escape, table.cells(one)), style="" if one.is_shown else "bold red")
    console.print(shown)
    console.print(escape(table.said), soft_wrap=True, highlight=False)
