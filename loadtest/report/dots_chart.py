"""The first figures of a run, a chart per figure: a line per strategy, each repeat a point, and the interval."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import plotly.graph_objects as go  # type: ignore[import-untyped]

from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import NEVER, RunSummary
from loadtest.report import cells
from loadtest.report.chart_look import AXIS, set_look
from loadtest.report.colours import INK, QUIET, SYMBOLS
from loadtest.report.columns import FIRST_COLUMNS, Column
from loadtest.report.embedding import Chart, chart
from loadtest.report.intervals_shown import interval_of, is_number
from loadtest.report.marks import marked
from loadtest.report.quoting import for_html

LINE_PX, MARGIN_Y = 26, (6, 40)
CHAR_PX, NAME_CHARS = 7, 22
"""The width of a letter beside a line, and the most of a name that stands there."""
SPREAD = 0.3
"""The part of a line's height over which the points of repeats are spread, so that equal ones are seen."""
LOG_FROM = 5.0
"""The factor between the least latency and the most from which on their axis is logarithmic."""
COUNTS = frozenset({"reads", "requests", "answers"})
"""The units of whole numbers."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """A strategy's figure in each of its repeats, and which of those only virtual time assumes."""

    strategy: str
    values: Sequence[float]
    are_assumed: Sequence[bool]


class Dots(NamedTuple):
    """A figure in a page: its name, and its chart."""

    heading: str
    chart: Chart


def dots_charts(rows: Sequence[Medians], runs: Sequence[RunSummary], inks: Mapping[str, str]) -> list[Dots]:
    """A chart for each of the first figures that is a number, not 0 for all, and not assumed for all."""
    found = []
    for column in FIRST_COLUMNS:
        known = [one for row in rows if (one := _repeats(row, runs, column.field)) is not None]
        is_known = [not assumed for one in known for assumed in one.are_assumed]
        if any(is_known) and any(value for own in known for value in own.values):
            label = f"{column.name}: each repeat of each strategy"
            name = f"dots-{column.field.replace('_', '-')}"
            drawing = dots_figure(column, known, inks)
            found.append(Dots(column.name, chart(name, label, in_words(column, known), drawing)))
    return found


def _repeats(row: Medians, runs: Sequence[RunSummary], field: str) -> Repeats | None:
    """The values of a row's repeats, the valid ones where there are some; None for what is no number."""
    own = [run for run in runs if run.strategy == row.strategy] or [row]
    known = [run for run in [run for run in own if run.valid] or own if is_number(getattr(run, field, None))]
    values = [float(getattr(run, field)) for run in known]
    return Repeats(row.strategy, values, [field in run.assumed for run in known]) if known else None


def dots_figure(column: Column, known: Sequence[Repeats], inks: Mapping[str, str]) -> go.Figure:
    """The figure of one column; an infinite time stands beyond all others."""
    scale = 100.0 if column.unit == "%" else 1.0
    finite = [scale * value for one in known for value in one.values if math.isfinite(value)] or [0.0]
    is_log = column.unit == "ms" and min(finite) > 0 and max(finite) / min(finite) > LOG_FROM
    has_never = any(math.isinf(value) for one in known for value in one.values)
    end = max(1.2 * max(finite), 1.0) if has_never else max(finite)
    drawing = go.Figure()
    for place, one in enumerate(known):
        at = [scale * value if math.isfinite(value) else end for value in one.values]
        ink = inks.get(one.strategy, QUIET)
        _draw_interval(drawing, one, column, place, ink, scale)
        _draw_points(drawing, one, column, place, ink, at)
    names = [_short(marked(one.strategy)) for one in known]
    drawing.update_yaxes(
        tickvals=[*range(len(known))], ticktext=[*map(for_html, names)], range=[len(known) - 0.4, -0.6],
        **(AXIS | {"ticks": ""}),
    )  # fmt: skip
    title = {"text": f"{column.unit} (log)" if is_log else column.unit, "standoff": 2, "font": {"size": 11}}
    drawing.update_xaxes(title=title, **_scale(min(finite), end, is_log), **AXIS)
    if has_never:
        drawing.add_annotation(
            x=end, y=-0.6, text=NEVER, showarrow=False, yanchor="top", font={"color": QUIET, "size": 11}
        )
    left = CHAR_PX * max(map(len, names)) + 10
    set_look(drawing, LINE_PX * len(known) + sum(MARGIN_Y), (left, 10, *MARGIN_Y))
    return drawing


def in_words(column: Column, known: Sequence[Repeats]) -> str:
    """The figure of each strategy, from the least to the most over its repeats."""
    told = []
    for one in known:
        ends = [_text(column, value) for value in (min(one.values), max(one.values))]
        span = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
        told.append(f"{marked(one.strategy)} {cells.ASSUMED if any(one.are_assumed) else ''}{span}")
    unit = f", {column.unit}" if column.unit and column.unit not in column.name else ""
    return f"{column.name}{unit}: {'; '.join(told)}."


def _draw_interval(drawing: go.Figure, one: Repeats, column: Column, place: int, ink: str, scale: float) -> None:
    interval = interval_of(one.values, column.unit)
    if interval is not None and not any(one.are_assumed):
        drawing.add_scatter(
            x=[scale * interval.low, scale * interval.high], y=[place, place], mode="lines",
            line={"color": ink, "width": 7}, opacity=0.35, hoverinfo="skip",
        )  # fmt: skip


def _draw_points(drawing: go.Figure, one: Repeats, column: Column, place: int, ink: str, at: Sequence[float]) -> None:
    """The points of the repeats, hollow where they are assumed, a little apart in height."""
    symbol, step = SYMBOLS[place % len(SYMBOLS)], SPREAD / max(1, len(at) - 1)
    assumed = one.are_assumed
    top = place - SPREAD / 2 if len(at) > 1 else place
    drawing.add_scatter(
        x=at, y=[round(top + step * number, 3) for number in range(len(at))], mode="markers", cliponaxis=False,
        marker={
            "symbol": [symbol + "-open" * one for one in assumed],
            "color": ink,
            "size": 9 if len(at) == 1 else 6,
            "line": {"width": [1.6 if one else 0.6 for one in assumed], "color": INK},
        },
        customdata=[
            cells.ASSUMED * is_so + _text(column, value) for value, is_so in zip(one.values, assumed, strict=True)
        ],
        hovertemplate=f"<b>{for_html(marked(one.strategy))}</b> %{{customdata}}<extra></extra>",
    )  # fmt: skip


def _scale(low: float, high: float, is_log: bool) -> dict[str, Any]:
    """An axis from 0, or a logarithmic one with room around."""
    if not is_log:
        return {
            "range": [-0.03 * (high or 1.0), 1.08 * (high or 1.0)],
            "nticks": 5,
            "tickformat": "~s" if high > 9_999 else "~g",
        }
    first, last = math.log10(low) - 0.2, math.log10(high) + 0.2
    return {"type": "log", "range": [first, last], "dtick": 1 if last - first > 1.5 else "D2", "tickformat": "~g"}


def _text(column: Column, value: float) -> str:
    if math.isinf(value):
        return NEVER
    form: Callable[[float], str] = cells.whole if column.unit in COUNTS else cells.digits
    return (cells.percent if column.unit == "%" else form)(value)


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…"
