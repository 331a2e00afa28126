"""`make simspeed`: how fast virtual time is here."""

from typing import Annotated

import typer

from benchmarks.virtual_time import measure_speed
from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import Seed, Strategies
from loadtest.cli.terminal import console


def simspeed(
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = "many-keys",
    strategies: Strategies = None,
    seed: Seed = 1,
) -> None:
    """Measure how fast virtual time is here: simulated requests per CPU second."""
    workload = scenario_named(scenario)
    found = discovered()
    for name in chosen(found, strategies, workload):
        speed = measure_speed(workload, found.strategies[name], seed)
        console.print(
            f"{name:14} {speed.per_cpu_s:>9,.0f} requests per CPU second, {speed.ratio:.1f} times as many as with a "
            f"task and a timer for each ({speed.obvious_per_cpu_s:,.0f})",
            highlight=False,
            soft_wrap=True,
        )
