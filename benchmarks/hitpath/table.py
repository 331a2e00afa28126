"""A comparison of the hit path as a table on the terminal."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.hitpath.result import HitpathResult, ScrapeTime, Window


def print_hitpath(
    console: Console, result: HitpathResult, scrapes: Sequence[ScrapeTime], environment: dict[str, Any]
) -> None:
    """Prints the comparison at each number of connections, the time of a scrape, the machine and its noise."""
    table = Table(title=f"A cache hit: /{result.strategy} against one GET through redis-py")
    table.add_column("server")
    for name in ("at once", "requests / CPU s", "requests / s", "p50 ms", "errors", "ratio", "least", "most"):
        table.add_column(name, justify="right")
    for pairs in result.pairs.values():
        ratios = [pair.ratio for pair in pairs]
        told = [f"{ratio:.2f}" for ratio in (statistics.median(ratios), min(ratios), max(ratios))]
        _add(table, [pair.service for pair in pairs], *told)
        _add(table, [pair.bare for pair in pairs], "1")
        table.add_section()
    console.print(table)
    rounds, machine = len(next(iter(result.pairs.values()))), environment["machine"]
    texts = " and ".join(f"{one.ms:.2f} ms at {one.strategies} strategies" for one in scrapes)
    console.print(
        f"Medians of {rounds} pairs of runs in random order; the ratio is of requests per CPU second of the server's "
        f"process. Bodies of up to {result.body_bytes_max} bytes. Every answer was checked; all of the service's "
        f"{sum(result.statuses.values()):,} were hits but the first of each id. Errors are those of all runs: "
        f"redis-py's pool refuses the 101st command at once. A scrape of /metrics takes {texts}. On "
        f"{machine['cores']} cores of {machine['cpu']}, where the bare app's own windows differed by up to "
        f"{result.noise:.0%} from their median.",
        highlight=False,
    )


def _add(table: Table, runs: Sequence[Window], *ratio: str) -> None:
    table.add_row(
        runs[0].server,
        str(runs[0].connections),
        f"{_median(runs, lambda run: run.per_cpu_second):,.0f}",
        f"{_median(runs, lambda run: run.per_second):,.0f}",
        f"{_median(runs, lambda run: run.p50_ms):.2f}",
        f"{sum(run.errors for run in runs):,}",
        *ratio,
    )


def _median(runs: Sequence[Window], figure: Callable[[Window], float]) -> float:
    return statistics.median(figure(run) for run in runs)
