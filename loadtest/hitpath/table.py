"""How a comparison is told on the terminal."""

import statistics
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from loadtest.hitpath.comparison import HitpathResult, Pair, Run


def print_hitpath(console: Console, result: HitpathResult) -> None:
    """Two tables' worth in one: under load, where reads are batched, and alone, where that costs."""
    table = Table(title=f"A cache hit: /{result.strategy} against one GET through redis-py")
    table.add_column("connections", justify="right")
    table.add_column("server")
    for name in ("requests / CPU s", "µs CPU / request", "requests / s", "p50 ms"):
        table.add_column(name, justify="right")
    table.add_column("ratio of requests / CPU s", justify="right")
    for pairs in (result.pairs, result.alone):
        _add(table, [pair.service for pair in pairs], _ratio(pairs))
        _add(table, [pair.bare for pair in pairs], "1")
        table.add_section()
    console.print(table)
    console.print(
        f"Medians of {len(result.pairs)} pairs of runs in random order; ratio: median (least to most) over the pairs. "
        f"Bodies of up to {result.body_bytes_max} bytes; {sum(result.statuses.values())} answers checked, "
        f"all of them hits after the first {result.statuses['miss']}."
    )


def _add(table: Table, runs: Sequence[Run], ratio: str) -> None:
    per_cpu_second = _median(runs, lambda run: run.per_cpu_second)
    table.add_row(
        str(runs[0].connections),
        runs[0].server,
        f"{per_cpu_second:,.0f}",
        f"{1e6 / per_cpu_second:.1f}",
        f"{_median(runs, lambda run: run.per_second):,.0f}",
        f"{_median(runs, lambda run: run.p50_ms):.2f}",
        ratio,
    )


def _ratio(pairs: Sequence[Pair]) -> str:
    ratios = [pair.ratio for pair in pairs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _median(runs: Sequence[Run], figure: Callable[[Run], float]) -> float:
    return statistics.median(figure(run) for run in runs)
