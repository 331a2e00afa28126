"""`lab sweep`: a grid of settings simulated, and the best choices in it."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from loadtest.cli.conduct import run_in, virtual
from loadtest.cli.document import tell
from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import DEFAULT_SCENARIO, RESULTS, Duration, Pods, Results, Strategies
from loadtest.cli.running import guarded, guarded_here, this_run
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, errors, exit_unless_valid, fail, named, shown, warn
from loadtest.experiment import Sink
from loadtest.report.contents import VIRTUAL
from loadtest.report.write import Extras
from loadtest.studies.sweep.choice import Choice, choices, unbeaten
from loadtest.studies.sweep.frontier import BRIEF, cells, write_frontier
from loadtest.studies.sweep.grid import BadSetting, read_setting, several
from loadtest.studies.sweep.parquet import need_parquet, write_parquet
from loadtest.studies.sweep.runs import BadSweep, Sweep, SweepPlan, begin, read_about, read_plan, resume

ROWS_MAX = 12
"""The most points that are all listed on the terminal; of more, only the best choices are."""
LINES_MAX = 20
"""The most lines of progress, where the output is no terminal."""


def sweep(
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="As 'strategy.parameter=0.5,1,2 ttl_s=2,5'. Repeatable: the grid is their product."),
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(help=f"A scenario's name, or a .toml file. Default: {DEFAULT_SCENARIO}.")
    ] = None,
    strategies: Strategies = None,
    repeats: Annotated[int | None, typer.Option(min=1, max=1_000, help="Seeds per point. Default: 1.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**62, help="Of the first repeat. Default: 1.")] = None,
    duration: Duration = None,
    pods: Pods = None,
    workers: Workers = None,
    cluster_: Annotated[
        str | None, typer.Option("--cluster", help="Instead: the address of a dask scheduler, as tcp://host:8786.")
    ] = None,
    resume_: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the sweep in this directory; it needs no other option.")
    ] = None,
    results: Results = RESULTS,
) -> None:
    """Simulate strategies over a grid of settings, on every core, and draw the frontier to choose from."""
    _check_address(cluster_)
    found = discovered()
    try:
        was = read_plan(resume_) if resume_ else None
        workload = scenario_named(scenario or (f"{resume_}/scenario.json" if was else DEFAULT_SCENARIO), duration, pods)
        names = ",".join(was.strategies) if was and strategies is None else strategies
        asked = was.settings if was and not set_ else [one for text in set_ or () for one in several(text)]
        if seed is None:
            seed = was.seed if was else 1
        plan = SweepPlan(
            workload,
            tuple(chosen(found, names, workload, in_virtual_time=True)),
            tuple(str(read_setting(text, workload, found.choosable)) for text in asked),
            seed,
            repeats or (was.repeats if was else 1),
        )
        about = this_run(seed, is_virtual=True) | VIRTUAL
        with guarded_here():
            need_parquet()
        if resume_:
            planned = resume(resume_, plan, found.choosable, about["commit"])
        else:
            try:
                planned = begin(results, plan, found.choosable, about)
            except OSError as error:
                fail(f"--results: no sweep can be kept in {results}: {error.strerror or error}")
        with planned.open() as add:
            _run(planned, add, workers, cluster_)
    except (BadSetting, BadSweep) as error:
        fail(error)
    _report(planned)


def _check_address(cluster: str | None) -> None:
    """Exit 2 for what is no address, before anything is made; whether a scheduler answers there is seen later."""
    if cluster is None:
        return
    try:
        parts = urlsplit(cluster if "://" in cluster else f"tcp://{cluster}")
        is_address = bool(parts.hostname and parts.port)
    except ValueError:
        is_address = False
    if not is_address:
        fail(f"--cluster: {cluster!r} is no address: write one as tcp://host:8786")


def _run(sweep: Sweep, add: Sink, workers: int | None, address: str | None) -> None:
    runs = sweep.to_do
    if len(runs) < sweep.size:
        console.print(f"{sweep.size - len(runs)} of {sweep.size} runs are there already.", highlight=False)
    if not runs:
        return
    before = sweep.size - len(runs)
    try:
        with virtual(len(runs), workers, cluster=address, before=before, lines_max=LINES_MAX) as shown_on:
            guarded(run_in(shown_on, runs, add))
    except BaseException:
        again = shlex.join(["lab", "sweep", "--resume", str(shown(sweep.folder))])
        kept = f"[yellow]{len(sweep.runs)} of {sweep.size} runs are kept.[/]"
        errors.print(f"{kept} Go on with: {escape(again)}", soft_wrap=True, highlight=False)
        raise


def _report(sweep: Sweep) -> None:
    """Writes the reports, and prints the points. Raises typer.Exit with code 3 where a run is no result."""
    runs, folder = sweep.runs, sweep.folder
    found, extras = choices(runs), Extras()
    extras.make("sweep.parquet", lambda: write_parquet(folder / "sweep.parquet", runs), None)
    extras.make("the report", lambda: write_frontier(folder, found, read_about(folder), sweep.plan), None)
    warn(extras.missing)  # every run is in points.jsonl
    best = unbeaten(found)
    tell(folder=str(folder), choices=[one.as_dict() for one in found])
    _print("All points" if len(found) <= ROWS_MAX else "What to choose from", found if len(found) <= ROWS_MAX else best)
    requests, cpu_s = sum(run.row.requests for run in runs), sum(run.cpu_s for run in runs)
    console.print(
        f"{len(runs)} runs, {requests:,} requests in {cpu_s:,.0f} CPU seconds. "
        f"{named(folder / 'sweep.parquet')}, {named(folder / 'report.html')}",
        soft_wrap=True,
        highlight=False,
    )
    exit_unless_valid(all(run.row.valid for run in runs))


def _print(title: str, listed: Sequence[Choice]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    headings, lines = cells(listed, BRIEF)
    for heading in headings:
        table.add_column(escape(heading), justify="left" if heading == "strategy" else "right", overflow="fold")
    for line in lines:
        table.add_row(*map(escape, line))
    console.print(table)
