"""`lab league`: libraries under the same loads and faults as the lab's own strategies."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from app.discovery import Discovered
from app.strategy_groups import UnknownStrategy
from loadtest.cli.document import tell
from loadtest.cli.inputs import discovered
from loadtest.cli.league_runs import LeagueRunner
from loadtest.cli.options import RESULTS, Results, Seed
from loadtest.cli.output_files import MarkedPage, why_not_over
from loadtest.cli.running import run_folder, this_run
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, fail, named, warn
from loadtest.figures.whole_file import write_whole
from loadtest.studies.league.behaviour_page import behaviour_page
from loadtest.studies.league.cells_in_markdown import AGREE, APART
from loadtest.studies.league.columns import CALM_IN_SHORT, SHOWN_IN_SHORT
from loadtest.studies.league.entrant import OWN_FOR_COMPARISON, entrants
from loadtest.studies.league.league_html import league_html
from loadtest.studies.league.league_page import BLOCK, league_block
from loadtest.studies.league.league_records import PROBES_WORD, RECORDS, WORLDS, LeagueRecords, read_records
from loadtest.studies.league.league_table import league_table
from loadtest.studies.league.places import PAGES
from loadtest.studies.league.plan import league_parts
from loadtest.studies.league.runs_page import TITLE, runs_page
from loadtest.studies.league.workloads import WORKLOADS, BadLeague, Workload, workloads
from loadtest.workload.near_names import choose, no_such

BOTH = "both"
SEEDS = 3
"""Runs of each entrant in virtual time: their medians stand beside what is measured."""


def league(
    names: Annotated[
        list[str] | None, typer.Argument(help="Workloads, or behaviour: the probes. Default: all.")
    ] = None,
    world: Annotated[str, typer.Option(help="virtual, native or both.")] = BOTH,
    strategies: Annotated[
        str | None, typer.Option(help="Names by comma. Default: every installed contender, and four of the lab's own.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Native runs of each entrant.")] = 1,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Runs of each in virtual time, each another seed.")
    ] = SEEDS,
    seed: Seed = 1,
    at_once: Annotated[int, typer.Option(min=1, max=8, help="Native runs side by side, each a system of its own.")] = 1,
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

    All of it takes about two hours on two cores; workloads, world and strategies narrow it.

    Exit codes: 0 done, whatever was found; 2 bad input.
    """
    if world not in (*WORLDS, BOTH):
        fail(f"--world: {no_such('world', world, (*WORLDS, BOTH))}")
    found = discovered()
    try:
        words = [name.strip() for text in names or () for name in text.split(",")]
        probes = not words or PROBES_WORD in words
        asked = workloads([name for name in words if name != PROBES_WORD]) if words != [PROBES_WORD] else []
        everybody = entrants(_names(strategies, found), found)
        records = LeagueRecords() if resume is None else _today(_records_there(resume))
    except (BadLeague, UnknownStrategy) as error:
        fail(error)
    if render and not records.runs and page is None:
        fail("--render: name what there is to show, by --resume (a folder of this command) or by --page")
    marked = None if page is None else _page(page)
    folder = run_folder(results, "league", this_run(seed)) if resume is None else resume.absolute()
    try:
        if not render:
            records.entrants |= {one.name: one for one in everybody}
            runner = LeagueRunner(records, folder, found, seed, workers, at_once)
            worlds = WORLDS if world == BOTH else (world,)
            for one in worlds:
                times = seeds if one == "virtual" else repeats
                runner.carry_out(one, [*league_parts(asked, one, everybody, found, times, seed, records.with_figures)])
            if probes:
                runner.probe(everybody, worlds)
    finally:
        _report(records, folder)
        if marked is not None:
            _write_page(marked, records)


def _today(records: LeagueRecords) -> LeagueRecords:
    """The records without the runs of workloads that are others by now."""
    return records.without_outdated({one.name: one.fingerprint for one in workloads(())})


def _records_there(folder: Path) -> LeagueRecords:
    """The records of a folder to go on with. Raises `BadLeague` where there are none: a slip begins no league."""
    if not (folder / RECORDS).is_dir():
        raise BadLeague(f"--resume: {folder}: no folder of this command: it has no {RECORDS}/")
    return read_records(folder)


def _names(strategies: str | None, found: Discovered) -> list[str]:
    """The entrants asked for; by default all contenders that are installed, and some of the lab's own."""
    if strategies is not None:
        return choose(found, strategies)
    own = [name for name in OWN_FOR_COMPARISON if name in found.strategies]
    return [*found.contenders, *own]


def _report(records: LeagueRecords, folder: Path) -> None:
    """Writes the pages into the folder of the league, and shows the tables on the terminal."""
    every = workloads(())
    write_whole(folder / "league.md", league_block(records, every))
    write_whole(folder / "league.html", league_html(records, every, folder))
    for one in every:
        if records.has(one.name):
            _print(records, one)
    tell(**records.as_dict())
    _write_pages_of_runs(folder / PAGES, records)
    console.print(f"Report: {named(folder / 'league.html')}", soft_wrap=True, highlight=False)
    warn(
        f"{one.entrant}, {one.workload}, {one.world}: {one.why_none}"
        for one in records.runs.values()
        if one.why_none and one.seed
    )


def _page(path: Path) -> MarkedPage:
    """The page to write anew; exit 2 where it, or a page of runs beside it, is not the lab's to write."""
    for name in (*WORKLOADS, PROBES_WORD):
        beside = path.parent / PAGES / f"{name}.md"
        if why := why_not_over(beside, TITLE):
            fail(f"--page: {beside}: {why}")
    return MarkedPage.read(path, BLOCK)


def _write_page(marked: MarkedPage, records: LeagueRecords) -> None:
    """Puts the records beside the page's, and writes it and the pages of runs anew from all of them."""
    home = marked.path.parent / PAGES
    kept = _today(read_records(home))
    kept.merge(records)
    kept.write(home)
    marked.write(league_block(kept, workloads(())))
    _write_pages_of_runs(home, kept)


def _write_pages_of_runs(folder: Path, records: LeagueRecords) -> None:
    folder.mkdir(exist_ok=True)
    for one in workloads(()):
        if records.has(one.name):
            write_whole(folder / f"{one.name}.md", runs_page(records, one))
    if records.probed:
        write_whole(folder / f"{PROBES_WORD}.md", behaviour_page(records))


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
