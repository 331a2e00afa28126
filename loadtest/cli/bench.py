"""Commands that measure with real processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from app.discovery import Discovered, discover
from loadtest import ROOT
from loadtest.bench import measure_arm
from loadtest.breach import Breach, unusable
from loadtest.cli.finished import keep_so_far, report, show
from loadtest.cli.inputs import DEFAULT_SCENARIO, chosen, discovered, scenario_named
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
from loadtest.hitpath.comparison import SERVICE_KNOBS, compare_hitpath, knobs_set_outside
from loadtest.hitpath.result import HitpathResult
from loadtest.hitpath.table import print_hitpath
from loadtest.lease import sole_user
from loadtest.limit.ceiling import find_limit, print_limit
from loadtest.live import live
from loadtest.native import native_world
from loadtest.results import Measured, all_valid, keep_turns
from loadtest.scaffold import FOLDER
from loadtest.scenario import Scenario
from loadtest.stack import stack_world
from loadtest.summarise import NothingToSummarise, not_run, summarise_folder
from loadtest.trial import check_contract, compare, verdict
from loadtest.turns import Turn, turns
from loadtest.world import OpenWorld

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


@app.command()
def loadlimit(seed: Seed = 1) -> None:
    """Find the highest rate that this machine sends honestly, beside a C generator's where one is installed."""
    console.print("[dim]An open loop against a server that answers at once, faster and faster; up to two minutes …[/]")
    print_limit(console, guarded(find_limit(seed=seed)))


@app.command()
def hitpath(
    pairs: Annotated[int, typer.Option(min=1, max=100, help="Alternating runs of each.")] = 5,
    window: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds that are counted in each run.")] = 3.0,
    seed: Seed = 1,
) -> None:
    """Measure what a cache hit costs here, against a bare app that does one GET. Exit 1 when it costs more."""
    console.print(f"[dim]{pairs} pairs of runs at 64 connections, then at one …[/]")
    for knob, value in knobs_set_outside().items():
        if knob not in SERVICE_KNOBS and knob != "LAB_REDIS_URL":
            console.print(f"with {knob}={value}, as set outside", highlight=False, markup=False)
    result: HitpathResult = guarded(compare_hitpath(pairs=pairs, window_s=window, seed=seed))
    print_hitpath(console, result)
    if result.ratio < 1.0:
        raise typer.Exit(1)
