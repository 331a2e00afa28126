"""`make simspeed`: how fast virtual time is here."""

from typing import Annotated, Any

import typer

from benchmarks.virtual_time import Bench, benches, measure, measure_obvious
from loadtest.cli.document import tell
from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import Seed, Strategies
from loadtest.cli.terminal import console


def simspeed(
    scenario: Annotated[
        str | None, typer.Option(help="A scenario's name, or a .toml file. Default: a run of each kind.")
    ] = None,
    strategies: Strategies = None,
    seed: Seed = 1,
) -> None:
    """Measure how fast virtual time is here: simulated requests per CPU second."""
    measured = list(benches())
    if scenario is not None or strategies is not None:
        workload = scenario_named(scenario or "many-keys")
        measured = [Bench(workload.name, workload, name) for name in chosen(discovered(), strategies, workload)]
    told: list[dict[str, Any]] = []
    for bench in measured:
        speed, obvious = measure(bench, seed), measure_obvious(bench, seed)
        console.print(
            f"{bench.what:26} {bench.strategy:13} {speed.per_cpu_s:>9,.0f} requests per CPU second, "
            f"{speed.per_cpu_s / obvious.per_cpu_s:4.1f} times as many as with a task and a timer for each",
            highlight=False,
            soft_wrap=True,
        )
        told.append({
            "what": bench.what, "strategy": bench.strategy, "requests": speed.requests, "per_cpu_s": speed.per_cpu_s,
            "obvious_per_cpu_s": obvious.per_cpu_s,
        })  # fmt: skip
        tell(speeds=told)
