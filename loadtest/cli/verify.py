"""`lab verify`: a search for broken invariants in random worlds."""

from concurrent.futures import BrokenExecutor
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtest.cli.document import tell
from loadtest.cli.inputs import chosen, discovered
from loadtest.cli.options import SEED_MAX, Strategies
from loadtest.cli.running import guarded_here
from loadtest.cli.terminal import console, errors, fail, print_text
from loadtest.sim.pool import WORKERS_MAX, cores
from loadtest.sim.search.random_scenario import random_scenario
from loadtest.sim.search.search import WIRE_EVERY, Depths, ShrunkFinding, check, runs_of
from loadtest.workload.toml_writer import as_toml

SEEDS_MAX = 10_000_000


def verify(
    seeds: Annotated[int, typer.Option(min=1, max=SEEDS_MAX, help="How many worlds, for each strategy.")] = 1_000,
    first: Annotated[int, typer.Option("--from", min=0, max=SEED_MAX, help="The first seed.")] = 0,
    strategies: Strategies = None,
    wire: Annotated[
        bool, typer.Option("--wire", help=f"Only over the wire, where else each {WIRE_EVERY}th world is run, too.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, max=WORKERS_MAX, help="Processes; 1: this one. Else one per core.")
    ] = None,
) -> None:
    """Run random small worlds in which anything may break at any time, and check what must hold at every event.

    Exit code 1 when something does not. What is found is shrunk to the smallest world that still shows it.
    """
    known = discovered()
    names = chosen(known, strategies, random_scenario(first))
    asked = {name: known.choosable[name] for name in names}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    runs, all_seeds, depths = 0, range(first, first + seeds), Depths.WIRE if wire else Depths.MOSTLY_SEAM
    try:
        with guarded_here(), Progress(*columns, console=errors, transient=True, disable=console.quiet) as progress:
            line = progress.add_task("runs checked", total=runs_of(all_seeds, depths) * len(asked))

            def checked(count: int) -> None:
                nonlocal runs
                runs += count
                progress.update(line, advance=count)

            found = check(asked, all_seeds, workers or cores(), checked, depths)
    except BrokenExecutor as error:
        fail(f"a worker ended by itself: {error}", code=1)
    for one in found:
        print_text(_block(one, seeds))
    tell(runs=runs, seeds=seeds, first=first, strategies=list(asked), found=[_told(one) for one in found])
    said = f"{len(found)} broken" if found else "every invariant held"
    over = " over the wire" if wire else ""
    print_text(f"{runs:,} runs{over} ({seeds:,} seeds from {first}, {', '.join(asked)}): {said}.")
    if found:
        raise typer.Exit(1)


def _told(found: ShrunkFinding) -> dict[str, Any]:
    """A finding as JSON can hold it."""
    whole, shrunk = found.smallest, found.shrunk
    return {
        "strategy": whole.strategy, "seed": whole.case.seed, "seeds": found.seeds, "violation": str(whole.violation),
        "shrunk": {"violation": str(shrunk.violation), "scenario": shrunk.case.scenario.model_dump(mode="json")},
        "is_over_wire": whole.case.scenario.virtual.wire, "command": _command(found),
    }  # fmt: skip


def _command(found: ShrunkFinding) -> str:
    whole = found.smallest
    wire = " --wire" if whole.case.scenario.virtual.wire else ""
    return f"lab replay {whole.case.seed} --strategy {whole.strategy}{wire}"


def _block(found: ShrunkFinding, seeds: int) -> str:
    """The text about one finding: scenario, violation, and the command that replays it."""
    whole, shrunk = found.smallest, found.shrunk
    shuffled = "" if shrunk.case.shuffle_seed is None else " (what is ready at once in an order that the seed draws)"
    return "\n".join(
        [
            f"{whole.strategy}, seed {whole.case.seed}: {whole.violation}",
            f"broken by {found.seeds} of {seeds} seeds; of these the smallest. Shrunk{shuffled}: {shrunk.violation}",
            "",
            *(f"    {line}".rstrip() for line in as_toml(shrunk.case.scenario).splitlines()),
            "",
            f"    {_command(found)}",
            "",
        ]
    )
