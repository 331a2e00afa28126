"""The intervals of a table: below a figure the 95 % interval of its median over the repeats."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report.cells import Beside
from loadtest.report.columns import Column, Comparison
from loadtest.report.rendering import CellShown
from loadtest.stats.intervals import REPEATS_MIN, Interval, median_interval


def is_number(value: Any) -> bool:
    """Whether it is a figure that repeats can scatter in."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def interval_of(values: Sequence[float], unit: str) -> Interval | None:
    """The interval of the median; None for fewer repeats than a claim takes. A share ends at 1."""
    interval = median_interval(values) if len(values) >= REPEATS_MIN else None
    return interval if interval is None or unit != "%" else Interval(interval.low, min(1.0, interval.high))


def cell_shown(column: Column, row: Medians, runs: Sequence[RunSummary], text: str) -> CellShown:
    """The cell with that text, with its interval where the repeats of a row differ in the column's field."""
    values = [getattr(run, column.field, None) for run in runs if run.strategy == row.strategy and run.valid]
    if not all(map(is_number, values)) or len(set(values)) < 2 or column.field in row.assumed:
        return CellShown(text, "")
    if (interval := interval_of([float(value) for value in values if value is not None], column.unit)) is None:
        return CellShown(text, "")
    is_whole = all(isinstance(value, int) for value in values)  # a median of counts may have a half
    most = 1.0 if column.unit == "%" else math.inf  # there is no larger share
    bounds = [min(end, most) for end in (interval.low, interval.high)]
    ends = [_as_cell(column, row, round(end) if is_whole else end) for end in bounds]
    return CellShown(text, f"{ends[0]} to {ends[1]}")


def with_intervals(
    shown: Comparison, rows: Sequence[Medians], runs: Sequence[RunSummary]
) -> list[tuple[str, Sequence[CellShown]]]:
    """The lines of a comparison: the name, and the cells with their intervals."""
    return [
        (name, [cell_shown(column, row, runs, text) for column, text in zip(shown.columns[1:], texts, strict=True)])
        for row, (name, *texts) in zip(rows, shown.lines, strict=True)
    ]


def _as_cell(column: Column, row: Medians, value: float) -> str:
    changes: dict[str, Any] = {column.field: value, "repeats_with": {}}
    return column.cell(replace(row, **changes), Beside(None, None))
