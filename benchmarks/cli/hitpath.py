"""`make hitpath`: what a cache hit costs here."""

from typing import Annotated

import typer

from benchmarks.hitpath.comparison import SERVICE_VARIABLES, compare_hitpath, knobs_set_outside
from benchmarks.hitpath.result import HitpathResult
from benchmarks.hitpath.table import print_hitpath
from loadtest.cli.options import Seed
from loadtest.cli.running import guarded
from loadtest.cli.terminal import console


def hitpath(
    pairs: Annotated[int, typer.Option(min=1, max=100, help="Alternating runs of each.")] = 5,
    window: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds that are counted in each run.")] = 3.0,
    seed: Seed = 1,
) -> None:
    """Measure what a cache hit costs here, against a bare app that does one GET. Exit 1 when it costs more."""
    console.print(f"[dim]{pairs} pairs of runs at 64 connections, then at one …[/]")
    for variable, value in knobs_set_outside().items():
        if variable not in SERVICE_VARIABLES and variable != "LAB_REDIS_URL":
            console.print(f"with {variable}={value}, as set outside", highlight=False, markup=False)
    result: HitpathResult = guarded(compare_hitpath(pairs=pairs, window_s=window, seed=seed))
    print_hitpath(console, result)
    if result.ratio < 1.0:
        raise typer.Exit(1)
