"""`lab league`: libraries under the same loads and faults as the lab's own strategies."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from app.discovery import Discovered
from app.strategy_groups import UnknownStrategy
from loadtest.cli.conduct import KEEP_EVERY_S, real, run_in, virtual
from loadtest.cli.inputs import discovered
from loadtest.cli.options import RESULTS, Results, Seed, Strategies
from loadtest.cli.output_files import MarkedPage, why_not_over
from loadtest.cli.running import guarded, run_folder, this_run
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, fail, named, warn
from loadtest.figures.run_folder import keep_plan, new_run_folder
from loadtest.figures.summarise import Finished
from loadtest.figures.whole_file import write_whole
from loadtest.report.contents import VIRTUAL
from loadtest.report.write import not_run, write_results
from loadtest.studies.league.cells_in_markdown import AGREE, APART
from loadtest.studies.league.columns import CALM_IN_SHORT, SHOWN_IN_SHORT
from loadtest.studies.league.entrant import OWN_FOR_COMPARISON, entrants
from loadtest.studies.league.league_html import league_html
from loadtest.studies.league.league_page import BLOCK, league_block
from loadtest.studies.league.league_records import WORLDS, LeagueRecords, read_records
from loadtest.studies.league.league_run import league_run, refused
from loadtest.studies.league.league_table import league_table
from loadtest.studies.league.places import PAGES
from loadtest.studies.league.plan import LeaguePart, league_parts
from loadtest.studies.league.runs_page import TITLE, runs_page
from loadtest.studies.league.workloads import WORKLOADS, BadLeague, Workload, workloads
from loadtest.workload.planned_run import PlannedRun

BOTH = "both"
SEEDS = 3
"""Runs of each entrant in virtual time: their medians stand beside what is measured."""
LINES_MAX = 20
"""The most lines of progress, where the output is no terminal."""


def league(
    names: Annotated[list[str] | None, typer.Argument(help="Workloads, by name, also by comma. Default: all.")] = None,
    world: Annotated[str, typer.Option(help="virtual, native or both.")] = BOTH,
    strategies: Strategies = None,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Native runs of each entrant.")] = 1,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Runs of each in virtual time, each another seed.")
    ] = SEEDS,
    seed: Seed = 1,
    workers: Workers = None,
    resume: Annotated[
        Path | None, typer.Option(help="A folder of this command: what is there is not run again.")
    ] = None,
    render: Annotated[bool, typer.Option("--render", help="Run nothing, and make the pages of what is there.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="Keep the records beside this page, and write it anew (docs/league.md).")
    ] = None,
    results: Results = RESULTS,
) -> None:
    """Run libraries under the same loads and faults, beside the lab's own strategies: a table by name, with every run.

    Exit codes: 0 done, whatever was found; 2 bad input.
    """
    if world not in (*WORLDS, BOTH):
        fail(f"--world: there is no {world!r}: name one of {', '.join((*WORLDS, BOTH))}")
    found = discovered()
    try:
        asked = workloads([name.strip() for text in names or () for name in text.split(",")])
        everybody = entrants(_names(strategies, found), found)
        records = LeagueRecords() if resume is None else read_records(resume)
    except (BadLeague, UnknownStrategy) as error:
        fail(error)
    if render and not records.runs and page is None:
        fail("--render: name what there is to show, by --resume (a folder of this command) or by --page")
    marked = None if page is None else _page(page)
    folder = run_folder(results, "league", this_run(seed)) if resume is None else resume.absolute()
    try:
        if not render:
            records.entrants |= {one.name: one for one in everybody}
            for one in WORLDS if world == BOTH else (world,):
                times = seeds if one == "virtual" else repeats
                parts = [*league_parts(asked, one, everybody, found, times, seed, records.runs)]
                _carry_out(one, parts, records, folder, found, seed, workers)
    finally:
        _report(records, folder)
        if marked is not None:
            _write_page(marked, records)


def _names(strategies: str | None, found: Discovered) -> list[str]:
    """The entrants asked for; by default all contenders that are installed, and some of the lab's own."""
    if strategies is not None:
        return found.choose(strategies)
    own = [name for name in OWN_FOR_COMPARISON if name in found.strategies]
    return [*found.contenders, *own]


def _carry_out(
    world: str,
    parts: Sequence[LeaguePart],
    records: LeagueRecords,
    folder: Path,
    found: Discovered,
    seed: int,
    workers: int | None,
) -> None:
    """Carry out the runs of a world, and keep each in the records as it ends."""
    runs = [run for part in parts for run in part.runs]
    is_virtual = world == "virtual"
    about = this_run(seed, is_virtual) | (VIRTUAL if is_virtual else {})
    session = f"{time.strftime('%Y%m%d-%H%M%S')}-{world}"
    records.sessions[session] = about
    for part in parts:
        for name, why in part.refused.items():
            version = records.entrants[name].version
            records.add(refused(name, world, part.workload.name, session, why, version))
    where = (
        {}
        if is_virtual
        else {id(run): one for part in parts for one in [_part_folder(folder, part, about)] for run in part.runs}
    )
    if not runs:
        return records.write(folder)
    kept_s = time.monotonic()
    ended: dict[int, Finished] = {}

    def keep(one: Finished) -> None:
        nonlocal kept_s
        ended[id(one.run)] = one
        raw = "" if is_virtual else str((where[id(one.run)] / "raw" / one.run.label).relative_to(folder))
        records.add(league_run(one, session, records.entrants[one.run.strategy].version, raw))
        if not is_virtual or time.monotonic() - kept_s > KEEP_EVERY_S:
            records.write(folder)
            kept_s = time.monotonic()

    opened = (
        virtual(len(runs), workers, lines_max=LINES_MAX)
        if is_virtual
        else real(world, lambda run: where[id(run)], about["command"])
    )
    try:
        with opened as shown:
            guarded(run_in(shown, runs, keep))
    finally:
        records.write(folder)
        for part in () if is_virtual else parts:
            _report_part(part, [ended[id(run)] for run in part.runs if id(run) in ended], where, about, found)


def _part_folder(folder: Path, part: LeaguePart, about: dict[str, Any]) -> Path:
    """The folder of a part's native runs, which is one as `lab bench` makes it."""
    if not part.runs:
        return folder
    made = new_run_folder(folder, part.workload.name, about, part.workload.scenario)
    keep_plan(made, part.runs)
    return made


def _report_part(
    part: LeaguePart, ended: Sequence[Finished], where: dict[int, Path], about: dict[str, Any], found: Discovered
) -> None:
    if not ended:
        return
    runs: list[PlannedRun] = [one.run for one in ended]
    missing = not_run(part.runs, runs)
    write_results(where[id(runs[0])], ended, part.workload.scenario, about, found, missing, is_new=False)


def _report(records: LeagueRecords, folder: Path) -> None:
    """Writes the pages into the folder of the league, and shows the tables on the terminal."""
    every = workloads(())
    write_whole(folder / "league.md", league_block(records, every))
    write_whole(folder / "league.html", league_html(records, every, folder))
    for one in every:
        if records.has(one.name):
            _print(records, one)
            (folder / PAGES).mkdir(exist_ok=True)
            write_whole(folder / PAGES / f"{one.name}.md", runs_page(records, one))
    console.print(f"Report: {named(folder / 'league.html')}", soft_wrap=True, highlight=False)
    warn(
        f"{one.entrant}, {one.workload}, {one.world}: {one.why_none}"
        for one in records.runs.values()
        if one.why_none and one.seed
    )


def _page(path: Path) -> MarkedPage:
    """The page to write anew; exit 2 where it, or a page of runs beside it, is not the lab's to write."""
    for name in WORKLOADS:
        beside = path.parent / PAGES / f"{name}.md"
        if why := why_not_over(beside, TITLE):
            fail(f"--page: {beside}: {why}")
    return MarkedPage.read(path, BLOCK)


def _write_page(marked: MarkedPage, records: LeagueRecords) -> None:
    """Puts the records beside the page's, and writes it and the pages of runs anew from all of them."""
    home = marked.path.parent / PAGES
    kept = read_records(home)
    kept.merge(records)
    kept.write(home)
    every = workloads(())
    marked.write(league_block(kept, every))
    for one in every:
        if kept.has(one.name):
            write_whole(home / f"{one.name}.md", runs_page(kept, one))


def _print(records: LeagueRecords, workload: Workload) -> None:
    """Shows the figures that a terminal has room for; the pages have all."""
    columns = SHOWN_IN_SHORT if workload.scenario.faults else CALM_IN_SHORT
    table = league_table(records, workload, columns)
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title=escape(workload.name))
    shown.add_column("name", overflow="fold")
    for column in table.columns:
        shown.add_column(escape(column.heading), justify="right", overflow="fold")
    for line in table.lines:
        told = [(APART if cell.is_apart else AGREE).join(one.text for one in cell.shown) for cell in line.cells]
        shown.add_row(escape(line.entrant.name), *map(escape, told))
    console.print(shown)
