"""Commands that measure with real processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from app.discovery import Discovered, discover
from loadtest import ROOT
from loadtest.cli.finished import keep_so_far, report, show
from loadtest.cli.inputs import DEFAULT_SCENARIO, chosen, discovered, scenario_named
from loadtest.cli.new_strategy import FOLDER
from loadtest.cli.terminal import (
    Bound,
    Duration,
    Pods,
    Results,
    Seed,
    Strategies,
    console,
    errors,
    exit_unless_valid,
    fail,
    guarded,
    guarded_here,
    named,
    run_folder,
    say,
    this_run,
    warn,
)
from loadtest.figures.from_records import Measured, all_valid
from loadtest.figures.run_folder import keep_turns
from loadtest.report.progress_bars import live
from loadtest.report.write import NothingToSummarise, not_run, summarise_folder
from loadtest.studies.trial.breach import Breach, unusable
from loadtest.studies.trial.trial import check_contract, compare, verdict
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

app = typer.Typer()


@app.command()
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
    results: Results = ROOT / "results",
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
                report(folder, finished, workload, about, found, missing)
    return all_valid(row for _, row, _ in finished)


@app.command()
def summarise(
    folder: Annotated[Path, typer.Argument(help="The run's directory.")] = ROOT / "results" / "latest",
) -> None:
    """Make figures and reports of a run again, from the raw records in its directory."""
    found = discovered(bounds=True)
    with guarded_here():
        try:
            summary, rows = summarise_folder(folder.resolve(), found)
        except NothingToSummarise as error:
            fail(error)
    show(folder, summary, found)
    exit_unless_valid(all_valid(rows))


@app.command(name="try")
def try_(
    name: Annotated[str, typer.Argument(help="The strategy to try.")],
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    duration: Annotated[float, typer.Option(min=1, max=3_600, help="Seconds of the comparison.")] = 20.0,
    seed: Seed = 1,
    results: Results = ROOT / "results",
) -> None:
    """Hold a strategy to the contract in virtual time, then compare it with the baseline."""
    if not name or "," in name:
        fail("try takes one strategy, by its name: make try S=mine")
    found = discover()
    source = FOLDER / f"{name}.py"
    if name in found.broken:
        _show(unusable(found.broken[name]).screen(name, source), code=2)
    workload = scenario_named(scenario, duration)
    chosen(found, name, workload)
    with guarded_here():
        held = check_contract(source)[name]
    if isinstance(held, Breach):
        _show(held.screen(name, source), code=1)
    console.print(f"{name} keeps the contract: {held} promises. Now beside the baseline …", highlight=False)
    against = [name] if found.baseline in (None, name) else [found.baseline, name]
    about = this_run(seed)
    folder = run_folder(results, workload.name, about, workload)
    summary = guarded(compare(workload, against, seed, folder, about, found, console))
    rows = summary.rows
    warn(summary.missing)
    console.print(f"Report: {named(folder / 'report.html')}", soft_wrap=True, highlight=False)
    console.print(verdict(rows, name), highlight=False, soft_wrap=True)
    exit_unless_valid(all_valid(rows))


def _show(screen: str, code: int) -> NoReturn:
    errors.print(Text(screen), soft_wrap=True)
    raise typer.Exit(code)
