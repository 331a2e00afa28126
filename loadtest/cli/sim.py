"""`lab sim`: strategies in virtual time."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from loadtest.cli.conduct import all_valid, conduct, show_table
from loadtest.cli.inputs import asked_for, chosen, contender_files, discovered, scenario_named
from loadtest.cli.live import why_not_live
from loadtest.cli.options import (
    DEFAULT_SCENARIO,
    RESULTS,
    ContenderFiles,
    Duration,
    Pods,
    Reference,
    Results,
    Seed,
    Strategies,
    Wide,
)
from loadtest.cli.terminal import console, exit_unless_valid, fail
from loadtest.figures.summarise import Finished
from loadtest.sim.pool import WORKERS_MAX
from loadtest.workload.planned_run import plan

Workers = Annotated[int | None, typer.Option(min=1, max=WORKERS_MAX, help="Processes. Default: one per core.")]
Repeats = Annotated[int, typer.Option(min=1, max=1_000, help="Runs of each strategy, each with a seed of its own.")]


def sim(
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    strategies: Strategies = None,
    contender_file: ContenderFiles = None,
    duration: Duration = None,
    pods: Pods = None,
    seed: Seed = 1,
    repeats: Repeats = 1,
    workers: Workers = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Keep every answer and every read, as a real run does (for `lab report`)."),
    ] = False,
    wire: Annotated[
        bool,
        typer.Option("--wire", help="Run the service's own Redis cache over a simulated wire, byte by byte."),
    ] = False,
    reference: Reference = True,
    results: Results = RESULTS,
    wide: Wide = False,
    live: Annotated[bool, typer.Option("--live", hidden=True)] = False,
) -> None:
    """Run strategies through a scenario in virtual time: the same seed gives the same bytes, on any machine."""
    if live:
        fail(why_not_live("virtual"))
    workload = scenario_named(scenario, duration, pods)
    if wire:
        workload = workload.over_wire()
    if reason := workload.why_not_in("virtual"):
        fail(f"{workload.name}: {reason}")
    files = contender_files(contender_file)
    found = discovered(reference)
    names = chosen(found, asked_for(found, strategies, files), workload, in_virtual_time=True)
    began_s = time.monotonic()
    runs = plan(workload, names, found, repeats, seed)
    finished = conduct(
        workload, runs, found, "virtual", seed, results, workers=workers, raw=raw, show=partial(show_table, wide=wide)
    )
    if wide:  # summary.json has the traces of every run
        _tell_runs(finished, time.monotonic() - began_s)
    exit_unless_valid(all_valid([one.summary for one in finished]))


def _tell_runs(finished: Sequence[Finished], wall_s: float) -> None:
    for row in (one.summary for one in finished):
        console.print(f"trace {row.strategy} seed {row.seed}: {row.trace}", highlight=False, style="dim")
    requests, cpu_s = sum(one.summary.requests for one in finished), sum(one.cpu_s for one in finished)
    per_cpu_s = f", {requests / cpu_s:,.0f} per CPU second" if cpu_s else ""
    console.print(f"{requests:,} requests in {wall_s:.1f} s{per_cpu_s}.", highlight=False)
