"""`lab bench`: strategies measured side by side."""

import os
from contextlib import nullcontext
from functools import partial
from typing import Annotated

import typer

from loadtest.cli.conduct import REAL_WORLDS, all_valid, conduct, show_table
from loadtest.cli.inputs import asked_for, chosen, contender_files, discovered, scenario_named
from loadtest.cli.live import Live, LivePort, OpenPage, watched, why_not_live
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
from loadtest.workload.near_names import no_such
from loadtest.workload.planned_run import plan
from loadtest.worlds.native_nemesis import why_not_with

DEFAULT_RUN_S = 35.0
"""The default run is shorter than its scenario, so that five strategies and the reference end within five minutes."""


def bench(
    scenario: Annotated[
        str | None, typer.Option(help=f"A scenario's name, or a .toml file. Default: {DEFAULT_SCENARIO}, shortened.")
    ] = None,
    strategies: Strategies = None,
    contender_file: ContenderFiles = None,
    duration: Duration = None,
    pods: Pods = None,
    seed: Seed = 1,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Runs of each strategy, in a random order.")] = 1,
    world: Annotated[str, typer.Option(help="native, virtual, or stack: then by `make bench WORLD=stack`.")] = "native",
    live: Live = False,
    live_port: LivePort = None,
    opened: OpenPage = False,
    reference: Reference = True,
    results: Results = RESULTS,
    wide: Wide = False,
) -> None:
    """Run strategies through a scenario, one at a time, and report."""
    if world not in (*REAL_WORLDS, "virtual"):
        fail(f"--world: {no_such('world', world, (*REAL_WORLDS, 'virtual'))}")
    is_live = live or live_port is not None or opened
    if is_live and (why := why_not_live(world)):
        fail(why)
    is_shortened = scenario is None and duration is None
    if is_shortened:
        duration = DEFAULT_RUN_S
    workload = scenario_named(scenario or DEFAULT_SCENARIO, duration, pods)
    reason = workload.why_not_in(world)
    if not reason and world == "native" and (redis_url := os.environ.get("LAB_REDIS_URL")):
        reason = why_not_with(workload, redis_url)
    if reason:
        fail(f"{workload.name}: {reason}")
    if contender_file and world == "stack":
        fail("--contender-file: the pods of the stack have the lab's own files alone: make bench, or make sim")
    files = contender_files(contender_file)
    # the stack's pods serve no reference, so that the live load never asks one
    found = discovered(reference and world != "stack")
    names = chosen(found, asked_for(found, strategies, files), workload, in_virtual_time=world == "virtual")
    runs = plan(workload, names, found, repeats, seed)
    with watched(runs, found, live_port or 0, opened) if is_live else nullcontext() as begun:
        if is_shortened:
            console.print(
                f"No scenario named: {DEFAULT_SCENARIO}, {duration:g} s per strategy. "
                f"[dim]make bench SCENARIO={DEFAULT_SCENARIO} runs its full time.[/]"
            )
        finished = conduct(
            workload, runs, found, world, seed, results, show=partial(show_table, wide=wide), begun=begun
        )
    exit_unless_valid(all_valid([one.summary for one in finished]))
