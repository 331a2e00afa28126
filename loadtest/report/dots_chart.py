"""The first figures of a run, a chart per figure: a line per strategy, each repeat a point, and the interval."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import plotly.graph_objects as go  # type: ignore[import-untyped]

from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report import cells
from loadtest.report.chart_look import AXIS, set_look
from loadtest.report.colours import INK, QUIET, SYMBOLS
from loadtest.report.columns import FIRST_COLUMNS, Column
from loadtest.report.embedding import Chart, chart
from loadtest.report.intervals_shown import interval_of
from loadtest.report.marks import marked
from loadtest.report.quoting import for_html

LINE_PX, MARGIN_Y = 26, (6, 30)
CHAR_PX, NAME_CHARS = 7, 22
"""The width of a letter beside a line, and the most of a name that stands there."""
SPREAD = 0.3
"""The part of a line's height over which the points of repeats are spread, so that equal ones are seen."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """A strategy's figure: its values in the repeats, and its row over all."""

    row: Medians
    values: Sequence[float]
    is_assumed: bool


class Dots(NamedTuple):
    """A figure in a page: its name, and its chart."""

    heading: str
    chart: Chart


def dots_charts(rows: Sequence[Medians], runs: Sequence[RunSummary], inks: Mapping[str, str]) -> list[Dots]:
    """A chart for each of the first figures that is a number and differs from 0 for some strategy."""
    found = []
    for column in FIRST_COLUMNS:
        known = [one for row in rows if (one := _repeats(row, runs, column.field)) is not None]
        if any(value for own in known for value in own.values):
            drawing = _figure(column, known, inks)
            label = f"{column.name}: each repeat of each strategy"
            name = f"dots-{column.field.replace('_', '-')}"
            found.append(Dots(column.name, chart(name, label, _in_words(column, known), drawing)))
    return found


def _repeats(row: Medians, runs: Sequence[RunSummary], field: str) -> Repeats | None:
    """The values of a row's repeats, the valid ones where there are some; None for what is no number."""
    own = [run for run in runs if run.strategy == row.strategy] or [row]
    own = [run for run in own if run.valid] or own
    values = [getattr(run, field, None) for run in own]
    known = [float(value) for value in values if isinstance(value, int | float)]
    return Repeats(row, known, field in row.assumed) if known else None


def _figure(column: Column, known: Sequence[Repeats], inks: Mapping[str, str]) -> go.Figure:
    scale, form = _scale(column), _form(column)
    drawing = go.Figure()
    finite = [scale * value for one in known for value in one.values if math.isfinite(value)] or [1.0]
    is_log = column.unit == "ms" and min(finite) > 0
    beyond = max(finite) * (2 if is_log else 1.15)  # where an infinite time stands
    for place, one in enumerate(known):
        ink, symbol = inks.get(one.row.strategy, QUIET), SYMBOLS[place % len(SYMBOLS)]
        at = [scale * value if math.isfinite(value) else beyond for value in one.values]
        if (interval := interval_of(one.values)) is not None and not one.is_assumed:
            drawing.add_scatter(
                x=[scale * interval.low, scale * interval.high], y=[place, place], mode="lines",
                line={"color": ink, "width": 7}, opacity=0.35, hoverinfo="skip",
            )  # fmt: skip
        step = SPREAD / max(1, len(at) - 1)
        middle = -SPREAD / 2 if len(at) > 1 else 0.0
        drawing.add_scatter(
            x=at, y=[place + middle + step * number for number in range(len(at))], mode="markers",
            marker={"symbol": symbol + "-open" * one.is_assumed, "color": ink, "size": 9 if len(at) == 1 else 6,
                    "line": {"width": 1.2 if one.is_assumed else 0.5, "color": ink if one.is_assumed else INK}},
            customdata=[_tip(one, form, value) for value in one.values],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    names = [_short(marked(one.row.strategy)) for one in known]
    drawing.update_yaxes(
        tickvals=[*range(len(known))], ticktext=[for_html(name) for name in names],
        range=[len(known) - 0.4, -0.6], **(AXIS | {"ticks": ""}),
    )  # fmt: skip
    end = beyond if _has_never(known) else max(finite)
    scale_x = _log_axis(min(finite), end) if is_log else {"range": [0, 1.08 * end], "nticks": 5, "tickformat": "~s"}
    title = {"text": f"{column.unit} (log)" if is_log else column.unit, "standoff": 2, "font": {"size": 11}}
    drawing.update_xaxes(title=title, **scale_x, **AXIS)
    if _has_never(known):
        drawing.add_annotation(
            x=beyond, y=-0.6, text="never", showarrow=False, yanchor="top", font={"color": QUIET, "size": 11}
        )
    left = CHAR_PX * max(map(len, names)) + 10
    set_look(drawing, LINE_PX * len(known) + sum(MARGIN_Y) + 10, (left, 10, MARGIN_Y[0], MARGIN_Y[1] + 10))
    return drawing


def _has_never(known: Sequence[Repeats]) -> bool:
    return any(math.isinf(value) for one in known for value in one.values)


def _log_axis(low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis with room around, and ticks between the powers of ten where few of those are on it."""
    first, last = math.log10(low) - 0.2, math.log10(high) + 0.2
    return {"type": "log", "range": [first, last], "dtick": 1 if last - first > 1.5 else "D2", "tickformat": "~g"}


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…"


def _scale(column: Column) -> float:
    return 100.0 if column.unit == "%" else 1.0


def _form(column: Column) -> Callable[[float], str]:
    if column.unit == "%":
        return cells.percent
    return cells.whole if column.unit in {"reads", "requests", "answers"} else cells.digits


def _tip(one: Repeats, form: Callable[[float], str], value: float) -> str:
    text = "never" if math.isinf(value) else form(value)
    return f"<b>{for_html(marked(one.row.strategy))}</b> {cells.ASSUMED if one.is_assumed else ''}{text}"


def _in_words(column: Column, known: Sequence[Repeats]) -> str:
    """The figure of each strategy, from the least to the most over its repeats."""
    form = _form(column)
    told = []
    for one in known:
        ends = ["never" if math.isinf(value) else form(value) for value in (min(one.values), max(one.values))]
        span = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
        told.append(f"{marked(one.row.strategy)} {cells.ASSUMED if one.is_assumed else ''}{span}")
    unit = f", {column.unit}" if column.unit and column.unit not in column.name else ""
    return f"{column.name}{unit}: {'; '.join(told)}."
