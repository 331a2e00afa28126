"""The intervals of a table: below a figure the 95 % interval of its median over the repeats."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report.cells import Beside
from loadtest.report.columns import Column, Comparison
from loadtest.report.rendering import CellShown
from loadtest.stats.intervals import REPEATS_MIN, Interval, median_interval


def interval_of(values: Sequence[float]) -> Interval | None:
    """The interval of the median; None for fewer repeats than a claim takes."""
    return median_interval(values) if len(values) >= REPEATS_MIN else None


def cell_shown(column: Column, row: Medians, runs: Sequence[RunSummary], text: str) -> CellShown:
    """The cell with that text, with its interval where the repeats of a row differ in the column's field."""
    own = [run for run in runs if run.strategy == row.strategy and run.valid]
    values = [getattr(run, column.field, None) for run in own]
    known = [float(value) for value in values if isinstance(value, int | float)]
    if len(known) < len(values) or len(set(known)) < 2 or column.field in row.assumed:
        return CellShown(text, "")
    if (interval := interval_of(known)) is None:
        return CellShown(text, "")
    is_whole = isinstance(getattr(row, column.field), int)
    ends = [_as_cell(column, row, round(end) if is_whole else end) for end in (interval.low, interval.high)]
    return CellShown(text, f"{ends[0]} to {ends[1]}")


def with_intervals(
    shown: Comparison, rows: Sequence[Medians], runs: Sequence[RunSummary]
) -> list[tuple[str, Sequence[CellShown]]]:
    """The lines of a comparison: the name, and the cells with their intervals."""
    return [
        (name, [cell_shown(column, row, runs, text) for column, text in zip(shown.columns[1:], texts, strict=True)])
        for row, (name, *texts) in zip(rows, shown.lines, strict=True)
    ]


def _as_cell(column: Column, row: Medians, value: Any) -> str:
    return column.cell(replace(row, **{column.field: value}, repeats_with={}), Beside(None, None))
