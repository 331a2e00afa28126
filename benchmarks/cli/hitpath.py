"""`make hitpath`: what a cache hit costs here."""

from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks.hitpath.comparison import CONNECTIONS, SERVICE_VARIABLES, compare_hitpath, knobs_set_outside
from benchmarks.hitpath.result import RATIOS_MIN, HitpathResult
from benchmarks.hitpath.scrapes import measure_scrapes
from benchmarks.hitpath.table import print_hitpath
from loadtest.cli.document import tell
from loadtest.cli.options import Seed
from loadtest.cli.running import guarded, this_run
from loadtest.cli.terminal import console, fail


def hitpath(
    pairs: Annotated[int, typer.Option(min=1, max=100, help="Alternating runs of each.")] = 5,
    window: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds that are counted in each run.")] = 3.0,
    seed: Seed = 1,
) -> None:
    """Measure what a cache hit costs here, against a bare app that does one GET. Exit 1 below `RATIOS_MIN`."""
    at = ", ".join(map(str, CONNECTIONS))
    console.print(f"{pairs} pairs of runs at each of {at} connections …", style="dim", highlight=False)
    for variable, value in knobs_set_outside().items():
        if variable not in SERVICE_VARIABLES and variable != "LAB_REDIS_URL":
            console.print(f"with {variable}={value}, as set outside", highlight=False, markup=False)
    result: HitpathResult = guarded(compare_hitpath(pairs=pairs, window_s=window, seed=seed))
    scrapes, about = measure_scrapes(), this_run(seed)
    print_hitpath(console, result, scrapes, about)
    tell(
        about=about,
        ratios={at: result.ratio(at) for at in result.pairs},
        scrapes=list(map(asdict, scrapes)),
        **asdict(result),
    )
    low = [
        f"{result.ratio(at):.2f} at {at} (at least {least:g})"
        for at, least in RATIOS_MIN.items()
        if result.ratio(at) < least
    ]
    if low:
        fail(f"a hit costs more than it may, by its ratio to the bare app: {', '.join(low)}", code=1)
