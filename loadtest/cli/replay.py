"""`lab replay`: one run of `lab verify` again, event by event."""

from pathlib import Path
from typing import Annotated

import typer

from loadtest.cli.inputs import chosen_one, discovered, scenario_named
from loadtest.cli.options import SEED_MAX
from loadtest.cli.replay_drawn import ReplayWindow, draw
from loadtest.cli.terminal import fail, print_text
from loadtest.sim.search.case import Case, case_of, check_case
from loadtest.sim.search.random_scenario import random_scenario
from loadtest.sim.search.replay import retell
from loadtest.sim.search.shrink import shrink
from loadtest.workload.toml_writer import as_toml
from loadtest.worlds.checkout import commit


def replay(
    seed: Annotated[int, typer.Argument(min=0, max=SEED_MAX, help="As `verify` names it.")],
    strategy: Annotated[str, typer.Option(help="Its name.")],
    scenario: Annotated[
        str | None, typer.Option(help="A scenario's name or file, instead of the world that the seed draws.")
    ] = None,
    shuffle: Annotated[
        int | None, typer.Option(min=0, max=SEED_MAX, help="With --scenario: draws the order of what is ready at once.")
    ] = None,
    wire: Annotated[bool, typer.Option("--wire", help="The world over the wire, or that scenario over it.")] = False,
    whole: Annotated[bool, typer.Option(help="The world as it was drawn, not shrunk.")] = False,
    until: Annotated[float | None, typer.Option(min=0, help="Virtual seconds: tell no more after.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many events before the violation are told.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Tell every event, to the end.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Draw it as a timeline in this file, for a browser, and tell nothing.")
    ] = None,
    since: Annotated[float, typer.Option(min=0, help="With --html: virtual seconds at which it begins.")] = 0.0,
    keys: Annotated[str | None, typer.Option(help="With --html: items, as 0,7; the hottest ones by default.")] = None,
    hottest: Annotated[int, typer.Option(min=1, max=20, help="With --html: how many of the hottest items.")] = 3,
) -> None:
    """Play one run again and tell it event by event, or draw it. Exit code 1 when an invariant breaks in it.

    It is the same run on the same commit. The trace at the end is its hash.
    """
    workload = scenario_named(scenario) if scenario is not None else random_scenario(seed)
    if wire:
        workload = workload.over_wire()
    found = discovered()
    strategy = chosen_one(found, strategy, workload, in_virtual_time=True)
    subject = found.choosable[strategy]
    case = case_of(subject, seed, wire) if scenario is None else Case(workload, seed, shuffle)
    if scenario is None and not whole and (finding := check_case(subject, case)) is not None:
        case = shrink(subject, finding).case
    end_s = float("inf") if until is None else until
    if html is not None:
        if since > end_s:
            fail(f"--since: {since:g} s is after --until, {end_s:g} s")
        draw(html, subject, case, ReplayWindow(_items(keys, case), hottest, since, end_s))
        return
    print_text(as_toml(case.scenario))
    ran, left_out = retell(subject, case, print_text, None if everything else last, end_s)
    if left_out:
        print_text(f"({left_out:,} events before these are left out: --last N, or --all)")
    order = "" if case.shuffle_seed is None else f", shuffled by {case.shuffle_seed}"
    print_text(f"{strategy}, seed {seed}{order}: {ran.violation or 'every invariant held'}")
    print_text(f"commit {commit()}, trace {ran.trace or 'none: it did not end'}")
    if ran.violation is not None:
        raise typer.Exit(1)


def _items(keys: str | None, case: Case) -> list[int]:
    """The items that are asked for; exit 2 where one is no item of the scenario."""
    ids = case.scenario.keys.ids
    items: list[int] = []
    for text in (keys or "").split(",") if keys is not None else ():
        if not (text.isascii() and text.isdecimal()) or int(text) >= ids:
            fail(f"--keys: {text!r} is no item; they are whole numbers from 0 to {ids - 1}, with commas between them")
        items.append(int(text))
    return sorted(set(items))
