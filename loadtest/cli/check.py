"""Commands that look for what must not be, and show how it came about."""

from concurrent.futures import BrokenExecutor
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.terminal import Strategies, console, errors, fail, guarded_here
from loadtest.sim.pool import WORKERS_MAX, cores
from loadtest.sim.search.case import Case, case_of, check_case
from loadtest.sim.search.random_scenario import random_scenario
from loadtest.sim.search.replay import retell
from loadtest.sim.search.search import Found
from loadtest.sim.search.search import check as check_all
from loadtest.sim.search.shrink import shrink
from loadtest.workload.toml_writer import as_toml
from loadtest.worlds.environment import describe

SEED_MAX = 2**62
SEEDS_MAX = 10_000_000

app = typer.Typer()


@app.command()
def check(
    seeds: Annotated[int, typer.Option(min=1, max=SEEDS_MAX, help="How many worlds, for each strategy.")] = 1_000,
    first: Annotated[int, typer.Option("--from", min=0, max=SEED_MAX, help="The first seed.")] = 0,
    strategies: Strategies = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=WORKERS_MAX, help="Processes; 1: this one. Else one per core.")
    ] = None,
) -> None:
    """Run random small worlds in which anything may break at any time, and check what must hold at every event.

    Exit code 1 when something does not. What is found is shrunk to the smallest world that still shows it.
    """
    known = discovered()
    names = chosen(known, strategies, random_scenario(first))
    asked = {name: known.strategies[name] for name in names}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    runs = 0
    try:
        with guarded_here(), Progress(*columns, console=errors, transient=True) as progress:
            line = progress.add_task("runs checked", total=seeds * len(asked))

            def checked(count: int) -> None:
                nonlocal runs
                runs += count
                progress.update(line, advance=count)

            found = check_all(asked, range(first, first + seeds), workers or cores(), checked)
    except BrokenExecutor as error:
        fail(f"a worker ended by itself: {error}", code=1)
    for one in found:
        _print(_block(one, seeds))
    said = f"{len(found)} broken" if found else "every invariant held"
    _print(f"{runs:,} runs ({seeds:,} seeds from {first}, {', '.join(asked)}): {said}.")
    if found:
        raise typer.Exit(1)


@app.command()
def replay(
    seed: Annotated[int, typer.Argument(min=0, max=SEED_MAX, help="As `check` names it.")],
    strategy: Annotated[str, typer.Option(help="Its name.")],
    scenario: Annotated[
        str | None, typer.Option(help="A scenario's name or file, instead of the world that the seed draws.")
    ] = None,
    shuffle: Annotated[
        int | None, typer.Option(min=0, max=SEED_MAX, help="With --scenario: draws the order of what is ready at once.")
    ] = None,
    whole: Annotated[bool, typer.Option(help="The world as it was drawn, not shrunk.")] = False,
    until: Annotated[float | None, typer.Option(min=0, help="Virtual seconds: tell no more after.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many events before the violation are told.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Tell every event, to the end.")] = False,
) -> None:
    """Play one run again and tell it event by event. Exit code 1 when an invariant breaks in it.

    It is the same run on the same commit. The trace at the end is its hash.
    """
    workload = scenario_named(scenario) if scenario is not None else random_scenario(seed)
    found = discovered()
    chosen(found, strategy, workload)
    subject = found.strategies[strategy]
    case = case_of(subject, seed) if scenario is None else Case(workload, seed, shuffle)
    if scenario is None and not whole and (finding := check_case(subject, case)) is not None:
        case = shrink(subject, finding).case
    _print(as_toml(case.scenario))
    ran, left_out = retell(
        subject, case, _print, None if everything else last, float("inf") if until is None else until
    )
    if left_out:
        _print(f"({left_out:,} events before these are left out: --last N, or --all)")
    order = "" if case.shuffle_seed is None else f", shuffled by {case.shuffle_seed}"
    _print(f"{strategy}, seed {seed}{order}: {ran.violation or 'every invariant held'}")
    _print(f"commit {describe('lab replay', seed)['commit']}, trace {ran.trace or 'none: it did not end'}")
    if ran.violation is not None:
        raise typer.Exit(1)


def _block(found: Found, seeds: int) -> str:
    """Everything about one finding."""
    whole, shrunk = found.smallest, found.shrunk
    shuffled = "" if shrunk.case.shuffle_seed is None else " (what is ready at once in an order that the seed draws)"
    return "\n".join(
        [
            f"{whole.strategy}, seed {whole.case.seed}: {whole.violation}",
            f"broken by {found.seeds} of {seeds} seeds; of these the smallest. Shrunk{shuffled}: {shrunk.violation}",
            "",
            *(f"    {line}".rstrip() for line in as_toml(shrunk.case.scenario).splitlines()),
            "",
            f"    lab replay {whole.case.seed} --strategy {whole.strategy}",
            "",
        ]
    )


def _print(text: str) -> None:
    console.print(Text(text), soft_wrap=True)
