"""The chart of a sweep: latency against origin load, with the age of the answers as colour."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]

from app.discovery import discover
from loadtest.report.cells import shown
from loadtest.report.chart import FONT
from loadtest.report.colours import BAD, FAINT, INK, colours
from loadtest.report.marks import marked
from loadtest.report.quoting import for_html
from loadtest.studies.sweep.choice import Choice, unbeaten
from loadtest.studies.sweep.grid import in_words

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "hexagon", "pentagon", "x")
HEIGHT_PX = 640
NUMBERED_MAX = 25
"""The most choices with a number in the chart; more could not be read."""
TOUCH = 0.03
"""The distance in decades below which rings cover each other's numbers."""


def figure(choices: Sequence[Choice]) -> go.Figure:
    """The chart; at least one choice must have answers."""
    drawn = with_answers(choices)
    drawing = go.Figure()
    x, y = _floored([one.reads_per_s for one in drawn]), _floored([one.row.p99_ms or 0.0 for one in drawn])
    best = [drawn.index(choice) for choice in unbeaten(drawn)]
    drawing.add_scatter(
        x=[x[place] for place in best], y=[y[place] for place in best], mode="markers+text", name="nothing beats it",
        marker={"symbol": "circle-open", "size": 21, "color": INK, "line": {"width": 1.5}},
        text=_numbers([(x[place], y[place]) for place in best]) if len(best) <= NUMBERED_MAX else None,
        textposition="top right", textfont={"color": INK, "size": 12}, hoverinfo="skip",
    )  # fmt: skip
    for number, (name, ink) in enumerate(inks(drawn).items()):
        own = [place for place, choice in enumerate(drawn) if choice.strategy == name]
        symbol = SYMBOLS[number % len(SYMBOLS)]
        drawing.add_scatter(
            x=[x[place] for place in own], y=[y[place] for place in own], mode="markers",
            name=marked(name), showlegend=False,
            marker={
                "symbol": symbol,
                "size": max(9, 16 - 1.5 * number),  # of two in the same place, both are seen
                "line": {"width": 1.5, "color": ink},
                "color": [drawn[place].row.age_p99_s or 0.0 for place in own],
                "coloraxis": "coloraxis",
            },
            customdata=[_tip(drawn[place]) for place in own], hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        # its own entry in the legend, whose symbol has no age and so no colour
        drawing.add_scatter(
            x=[None], y=[None], mode="markers", name=marked(name), marker={"symbol": symbol, "color": ink, "size": 9}
        )
    out = [place for place, choice in enumerate(drawn) if not choice.is_eligible]
    if out:
        drawing.add_scatter(
            x=[x[place] for place in out], y=[y[place] for place in out], mode="markers", hoverinfo="skip",
            name="nothing to choose", marker={"symbol": "x-thin", "size": 18, "line": {"width": 2, "color": BAD}},
        )  # fmt: skip
    _set_axes(drawing, x, y, max(choice.row.age_p99_s or 0.0 for choice in drawn))
    return drawing


def with_answers(choices: Sequence[Choice]) -> list[Choice]:
    """The choices that have a latency; the others are in the table alone."""
    return [choice for choice in choices if choice.row.p99_ms is not None]


def _numbers(at: Sequence[tuple[float, float]]) -> list[str]:
    """The numbers of rings from left to right; those of rings that touch all stand beside the last."""
    texts = [str(number) for number in range(1, len(at) + 1)]
    for place, (x, y) in enumerate(at):
        for later, (other_x, other_y) in enumerate(at[place + 1 :], place + 1):
            if abs(math.log10(other_x / x)) < TOUCH and abs(math.log10(other_y / y)) < TOUCH:
                texts[later] = f"{texts[place]}, {texts[later]}"
                texts[place] = ""
                break
    return texts


def _set_axes(drawing: go.Figure, x: Sequence[float], y: Sequence[float], oldest_s: float) -> None:
    """Axes that are both logarithmic, because strategies differ by factors."""
    line = {"gridcolor": FAINT, "zeroline": False, "ticks": "outside", "tickcolor": FAINT, "linecolor": FAINT}
    drawing.update_xaxes(title="origin reads per second, mean (log)", **_ticks(x), **line)
    drawing.update_yaxes(title="latency p99, ms (log)", **_ticks(y), **line)
    drawing.update_layout(
        height=HEIGHT_PX,
        margin={"l": 70, "r": 20, "t": 50, "b": 60},
        template="none",
        font=FONT,
        hoverlabel={"align": "left", "bgcolor": "#fff", "font": {"color": INK}},
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "itemclick": False},
        coloraxis={
            "colorscale": "Viridis_r",
            "cmin": 0,  # so that a small difference looks like one
            "cmax": oldest_s or 1.0,
            "colorbar": {"title": {"text": "age p99<br>of the answers, s"}, "thickness": 16, "outlinewidth": 0},
        },
    )


def _ticks(values: Sequence[float]) -> dict[str, Any]:
    """A range with room around, of at least a decade, and ticks at 1, 2 and 5, or at 1 where that would be many."""
    low, high = math.log10(min(values)), math.log10(max(values))
    spare = max(0.06 * (high - low), (1 - (high - low)) / 2, 0.1)
    low, high = low - spare, high + spare
    steps = (1, 2, 5) if high - low < 4 else (1,)
    ticks = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return {"type": "log", "range": [low, high], "tickvals": ticks, "ticktext": [f"{tick:,.10g}" for tick in ticks]}


def _floored(values: Sequence[float]) -> list[float]:
    """The values with half of the least above 0 in place of 0, which has no logarithm."""
    least = min((value for value in values if value > 0), default=1.0)
    return [value or least / 2 for value in values]


def _tip(choice: Choice) -> str:
    row = choice.row
    settings = [f"{for_html(name)} = {for_html(in_words(value))}" for name, value in choice.settings.items()]
    figures = [
        f"p99 {shown(row.p99_ms)} ms, p50 {shown(row.p50_ms)} ms",
        f"{choice.reads_per_s:,.1f} origin reads/s, in a second at most {shown(row.steady_peak_1s)} in the steady state"
        f" and {row.cold_peak_1s:,} at the cold start",
        f"age p99 {shown(row.age_p99_s)} s; {shown(None if row.hit_ratio is None else 100 * row.hit_ratio)} % hits",
        f"{row.errors:,} errors of {row.requests:,} requests",
    ]
    return "<br>".join([f"<b>{for_html(marked(choice.strategy))}</b>", *settings, *figures])


def inks(choices: Sequence[Choice]) -> dict[str, str]:
    """A colour for each strategy, the baseline first."""
    return colours(discover().strategies, {choice.strategy: None for choice in choices})
