"""The `lab` command line. Exit codes: 0 done, 1 failed, 2 bad input, 3 the run is no result, 130 interrupted."""

import asyncio
import shlex
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from app.discovery import Discovered, discover
from loadtest import ROOT, environment
from loadtest.bench import run_arm
from loadtest.hitpath.comparison import compare_hitpath
from loadtest.hitpath.result import HitpathResult
from loadtest.hitpath.table import print_hitpath
from loadtest.live import live
from loadtest.native import native_world
from loadtest.report import print_table
from loadtest.results import new_run_folder, write_results
from loadtest.scaffold import new_strategy
from loadtest.scenario import BadScenario, Scenario, read_scenario, scenario_names
from loadtest.stack import stack_world
from loadtest.trial import check_contract, compare, verdict
from loadtest.world import OpenWorld, WorldFailed

DEFAULT_SCENARIO = "hot-key"
DEFAULT_RUN_S = 40.0
"""The default run is shorter than its scenario, so that five strategies end within five minutes."""

WORLDS: dict[str, OpenWorld] = {"native": native_world, "stack": stack_world}

app = typer.Typer(
    help="Stampede Lab: what a cache does when its entries expire, and what each remedy buys.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()
errors = Console(stderr=True)

Results = Annotated[Path, typer.Option(help="Where the directories of runs are made.")]
Seed = Annotated[int, typer.Option(min=0, max=2**62, help="Of keys, pauses, latencies and every other random choice.")]


def fail(message: object, code: int = 2) -> NoReturn:
    errors.print(f"[bold red]error:[/] {escape(str(message))}")
    raise typer.Exit(code)


@app.command()
def bench(
    scenario: Annotated[
        str | None, typer.Option(help=f"A scenario's name, or a .toml file. Default: {DEFAULT_SCENARIO}, shortened.")
    ] = None,
    strategies: Annotated[str | None, typer.Option(help="Names, by comma. Default: all that are discovered.")] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds of load per strategy, 1 to 3600.")] = None,
    pods: Annotated[int | None, typer.Option(help="Pods, 1 to 16.")] = None,
    seed: Seed = 1,
    world: Annotated[str, typer.Option(help="native, or stack: then by `make bench WORLD=stack`.")] = "native",
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
    workload = _read_scenario(scenario or DEFAULT_SCENARIO, duration, pods)
    found = _discover()
    names = _chosen(found, strategies, workload)
    _exit_unless_valid(_guarded(_bench(workload, names, found, seed, results, WORLDS[world])))


async def _bench(
    workload: Scenario, names: list[str], found: Discovered, seed: int, results: Path, open_world: OpenWorld
) -> bool:
    """True when every arm is a result. What was finished before an interruption is kept."""
    about = environment.describe(shlex.join(["lab", *sys.argv[1:]]), seed)
    folder = new_run_folder(results, workload, about)
    arms: list[Path] = []
    try:
        with live(console, workload) as tell:
            for name in names:
                arms.append(await run_arm(workload, name, seed, folder, tell, open_world))
    finally:
        if len(arms) < len(names):
            kept = ", ".join(names[: len(arms)]) or "no strategy"
            errors.print(f"[yellow]The run ended early.[/] Kept: figures of {kept}; records in {_shown(folder)}")
        if arms:
            rows = write_results(folder, arms, workload, about, found.baseline)
            print_table(console, rows, found.baseline)
            console.print(f"Report: {_shown(folder / 'report.html')}", soft_wrap=True, highlight=False)
    return all(row.valid for row in rows)


@app.command(name="list")
def list_() -> None:
    """The strategies and scenarios that there are."""
    found = discover()
    console.print("[bold]Strategies[/] (app/strategies/)")
    for name, strategy in found.strategies.items():
        knobs = "".join(f" [dim]{knob}={tunable.default}[/]" for knob, tunable in strategy.tunables().items())
        console.print(f"  {name:14}{escape((strategy.__doc__ or '').strip().splitlines()[0])}{knobs}", soft_wrap=True)
    for name, why in found.broken.items():
        console.print(f"  [red]{name:14}broken: {escape(why)}[/]", soft_wrap=True)
    console.print("[bold]Scenarios[/] (loadtest/scenarios/)")
    for name in scenario_names():
        console.print(f"  {name:14}{escape(_read_scenario(name).title)}", soft_wrap=True)


@app.command()
def new(name: Annotated[str, typer.Argument(help="Lower case letters, digits and _.")]) -> None:
    """Start a strategy of your own from the template."""
    try:
        path = new_strategy(name)
    except (ValueError, FileExistsError) as error:
        fail(error)
    console.print(f"{path.relative_to(ROOT)} is there. Edit it, then: [bold]make try S={name}[/]", highlight=False)


@app.command(name="try")
def try_(
    name: Annotated[str, typer.Argument(help="The strategy to try.")],
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    duration: Annotated[float, typer.Option(help="Seconds of the comparison, 1 to 3600.")] = 20.0,
    seed: Seed = 1,
    results: Results = ROOT / "results",
) -> None:
    """Hold a strategy to the contract in virtual time, then compare it with the baseline."""
    found = _discover()
    workload = _read_scenario(scenario, duration)
    (name,) = _chosen(found, name, workload)
    if not check_contract(name):
        fail(f"{name} breaks the contract; see above", code=1)
    against = [name] if found.baseline in (None, name) else [found.baseline, name]
    about = environment.describe(shlex.join(["lab", *sys.argv[1:]]), seed)
    folder = new_run_folder(results, workload, about)
    rows = _guarded(compare(workload, against, seed, folder, about, console))
    console.print(f"Report: {_shown(folder / 'report.html')}", soft_wrap=True, highlight=False)
    console.print(verdict(rows, name), highlight=False, soft_wrap=True)
    _exit_unless_valid(all(row.valid for row in rows))


@app.command()
def hitpath(
    pairs: Annotated[int, typer.Option(min=1, max=100, help="Alternating runs of each.")] = 5,
    window: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds that are counted in each run.")] = 3.0,
    seed: Seed = 1,
) -> None:
    """Measure what a cache hit costs here, against a bare app that does one GET. Exit 1 when it costs more."""
    console.print(f"[dim]{pairs} pairs of runs at 64 connections, then at one …[/]")
    result: HitpathResult = _guarded(compare_hitpath(pairs=pairs, window_s=window, seed=seed))
    print_hitpath(console, result)
    if result.ratio < 1.0:
        raise typer.Exit(1)


@app.command()
def settings(
    scenario: Annotated[str, typer.Argument(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    pods: Annotated[int | None, typer.Option(help="Pods, 1 to 16.")] = None,
    seed: Seed = 1,
) -> None:
    """What a scenario states for a pod, as environment variables: to run one by hand."""
    workload = _read_scenario(scenario, pods=pods)
    stated = workload.pod_environment(seed) | {"APP_REPLICAS": str(workload.pods)}
    for name, value in stated.items():
        print(f"{name}={value}")


def _read_scenario(name: str, duration: float | None = None, pods: int | None = None) -> Scenario:
    try:
        return read_scenario(name, duration_s=duration, pods=pods)
    except BadScenario as error:
        fail(error)


def _discover() -> Discovered:
    found = discover()
    for name, why in found.broken.items():
        errors.print(f"[yellow]app/strategies/{name}.py is left out:[/] {escape(why)}")
    return found


def _chosen(found: Discovered, asked: str | None, workload: Scenario) -> list[str]:
    """The strategies asked for, known and tuned within their bounds, or exit 2."""
    names = list(dict.fromkeys(asked.split(","))) if asked else list(found.strategies)
    for name in names:
        if name not in found.strategies:
            reason = found.broken.get(name)
            fail(
                f"app/strategies/{name}.py is broken: {reason}"
                if reason
                else f"there is no strategy {name!r}: name some of {', '.join(found.strategies)}"
            )
    for name, tune in workload.tune.items():
        if name not in found.strategies:
            fail(f"{workload.name}: tune.{name}: there is no such strategy")
        try:
            found.strategies[name].tuned(tune)
        except ValueError as error:
            fail(f"{workload.name}: tune.{error}")
    return names


def _shown(path: Path) -> Path:
    """As short as it can be written from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _guarded(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it; Ctrl-C and SIGTERM end it in order, its children first."""

    async def cancellable() -> Any:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    except (KeyboardInterrupt, asyncio.CancelledError):
        errors.print("[yellow]Interrupted.[/] Everything that was started has been ended.")
        raise typer.Exit(130) from None
    except (WorldFailed, OSError, ValueError) as error:
        fail(error, code=1)


def _exit_unless_valid(valid: bool) -> None:
    if not valid:
        fail("at least one row is no result: see the events above", code=3)


def main() -> None:
    app()
