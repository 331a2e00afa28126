"""`python -m benchmarks seams`: the cost of counting, of a setting by prefix and of a local tier, on the hit path."""

import asyncio
from typing import Annotated

import typer

from benchmarks.seam_costs import measure_seams
from loadtest.cli.document import tell
from loadtest.cli.terminal import console


def seams(
    hits: Annotated[int, typer.Option(min=1, max=10_000_000, help="Hits of each variant in each round.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, max=1_000, help="Rounds, in which the variants alternate.")] = 9,
    keys: Annotated[int, typer.Option(min=1, max=1_000_000, help="Keys that are asked for in turn.")] = 1_000,
) -> None:
    """Measure the CPU of a hit with and without a count or a setting, or from a copy, over a real Redis."""
    costs = asyncio.run(measure_seams(hits, rounds, keys))
    tell(costs=[cost._asdict() for cost in costs])
    for cost in costs:
        console.print(
            f"{cost.what:16} {cost.pod_us:6.2f} us of the pod, {cost.redis_us:5.2f} us of Redis; "
            f"{cost.against_a_hit:5.3f} of a hit",
            highlight=False,
            soft_wrap=True,
        )
