"""`lab bench`: strategies measured with real processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.discovery import Discovered
from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import DEFAULT_SCENARIO, RESULTS, Bound, Duration, Pods, Results, Seed, Strategies
from loadtest.cli.running import guarded, keep_so_far, run_folder, show_results, this_run
from loadtest.cli.terminal import console, exit_unless_valid, fail, named, say
from loadtest.figures.from_records import Measured, all_valid
from loadtest.figures.run_folder import keep_turns
from loadtest.report.progress_bars import live
from loadtest.report.write import not_run
from loadtest.workload.planned_run import Turn, turns
from loadtest.workload.scenario import Scenario
from loadtest.worlds.lease import sole_user
from loadtest.worlds.native import native_world
from loadtest.worlds.recorded_run import measure_arm
from loadtest.worlds.stack import stack_world
from loadtest.worlds.world import OpenWorld

DEFAULT_RUN_S = 35.0
"""The default run is shorter than its scenario, so that five strategies and the bound end within five minutes."""

WORLDS: dict[str, OpenWorld] = {"native": native_world, "stack": stack_world}


def bench(
    scenario: Annotated[
        str | None, typer.Option(help=f"A scenario's name, or a .toml file. Default: {DEFAULT_SCENARIO}, shortened.")
    ] = None,
    strategies: Strategies = None,
    duration: Duration = None,
    pods: Pods = None,
    seed: Seed = 1,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Runs of each strategy, in a random order.")] = 1,
    world: Annotated[str, typer.Option(help="native, or stack: then by `make bench WORLD=stack`.")] = "native",
    bound: Bound = True,
    results: Results = RESULTS,
) -> None:
    """Run strategies through a scenario, one at a time, and report."""
    if world not in WORLDS:
        fail(f"--world: there is no {world!r}: name one of {', '.join(WORLDS)}")
    if scenario is None and duration is None:
        duration = DEFAULT_RUN_S
        console.print(
            f"No scenario named: {DEFAULT_SCENARIO}, {duration:g} s per strategy. "
            f"[dim]make bench SCENARIO={DEFAULT_SCENARIO} runs its full time.[/]"
        )
    workload = scenario_named(scenario or DEFAULT_SCENARIO, duration, pods)
    if reason := workload.why_only_virtual:
        fail(f"{workload.name}: {reason}")
    # the stack's pods serve no bound, so that the live load never finds one there
    found = discovered(bound and world == "native")
    names = chosen(found, strategies, workload)
    order = turns(workload, names, found, repeats, seed)
    exit_unless_valid(guarded(_bench(workload, order, found, seed, results, world)))


async def _bench(
    workload: Scenario, order: Sequence[Turn], found: Discovered, seed: int, results: Path, world: str
) -> bool:
    """True when every run is a result. Whatever ends it, each finished run has its figures on disk."""
    about = this_run(seed)
    async with sole_user(about["command"]) as lease:
        folder = run_folder(results, workload.name, about, workload)
        keep_turns(folder, order)
        finished: list[Measured] = []
        try:
            with live(console, workload) as tell:
                for turn in order:
                    finished.append(await measure_arm(workload, turn, seed, folder, tell, WORLDS[world], lease, world))
                    finished.sort(key=lambda one: one[0].place(found))
                    keep_so_far(folder, finished)
        finally:
            missing = not_run(order, [turn for turn, _, _ in finished])
            if missing:
                kept = ", ".join(turn.label for turn in order[: len(finished)]) or "no strategy"
                say(f"[yellow]The run ended early.[/] Kept: figures of {kept}; records in {named(folder)}")
            if finished:
                show_results(folder, finished, workload, about, found, missing)
    return all_valid(row for _, row, _ in finished)
