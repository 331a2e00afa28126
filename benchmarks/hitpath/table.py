"""A comparison of the hit path as a table on the terminal."""

import statistics
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.hitpath.result import HitpathResult, Window


def print_hitpath(console: Console, result: HitpathResult) -> None:
    """Prints both comparisons: under load, where reads are batched, and alone, where batching costs."""
    table = Table(title=f"A cache hit: /{result.strategy} against one GET through redis-py")
    table.add_column("server")
    for name in ("at once", "requests / CPU s", "requests / s", "p50 ms", "ratio", "least", "most"):
        table.add_column(name, justify="right")
    for pairs in (result.pairs, result.alone):
        ratios = [pair.ratio for pair in pairs]
        told = [f"{ratio:.2f}" for ratio in (statistics.median(ratios), min(ratios), max(ratios))]
        _add(table, [pair.service for pair in pairs], *told)
        _add(table, [pair.bare for pair in pairs], "1")
        table.add_section()
    console.print(table)
    console.print(
        f"Medians of {len(result.pairs)} pairs of runs in random order; the ratio is of requests per CPU second of the "
        f"server's process. Bodies of up to {result.body_bytes_max} bytes. Every answer was checked; all of the "
        f"service's {sum(result.statuses.values()):,} were hits but the first of each id."
    )


def _add(table: Table, runs: Sequence[Window], *ratio: str) -> None:
    table.add_row(
        runs[0].server,
        str(runs[0].connections),
        f"{_median(runs, lambda run: run.per_cpu_second):,.0f}",
        f"{_median(runs, lambda run: run.per_second):,.0f}",
        f"{_median(runs, lambda run: run.p50_ms):.2f}",
        *ratio,
    )


def _median(runs: Sequence[Window], figure: Callable[[Window], float]) -> float:
    return statistics.median(figure(run) for run in runs)
