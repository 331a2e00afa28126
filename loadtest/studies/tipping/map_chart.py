"""The map as a figure: a panel per strategy, load against trigger, a square per place."""

import math
from bisect import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]
from plotly.subplots import make_subplots  # type: ignore[import-untyped]

from loadtest.report.chart_look import set_look
from loadtest.report.colours import BAD, FAINT, INK, PAPER
from loadtest.report.marks import marked
from loadtest.report.quoting import for_html
from loadtest.studies.tipping.fate import Fate, Found
from loadtest.studies.tipping.places import LENGTH, MapPlan

COLUMNS_MAX = 3
CELL_PX, HEADING_PX, AXES_PX, ABOVE_PX = 34, 40, 56, 96
RING = {"symbol": "circle-open", "color": INK, "line": {"width": 3}}
RING_PX = 1.3 * CELL_PX
"""The size of a ring, which goes round its square: on the red of one it could not be seen."""
FATES = {Fate.WELL: "#CFE8DC", Fate.BACK: "#E69F00", Fate.NEVER: BAD, Fate.UNKNOWN: FAINT}
"""A colour for each fate; the text in a square says it too."""
ON_A_FATE = {Fate.NEVER: PAPER, Fate.BACK: "#14181C"}
"""Colours of the text on squares that are as dark or as bright in every theme."""
NEVER_TEXT = "∞"


def figure(plan: MapPlan, found: Sequence[Found], lines_per_s: Mapping[str, float | None]) -> go.Figure:
    """The figure of a map; `lines_per_s` has theory's line for each strategy, in requests per second.

    A place that was measured natively too has a ring in the colour of what was found there.
    """
    bands = math.ceil(len(plan.strategies) / COLUMNS_MAX)
    columns = math.ceil(len(plan.strategies) / bands)
    panel_px, between_px = CELL_PX * (len(plan.triggers) + 0.4), HEADING_PX + AXES_PX
    plot_px = bands * panel_px + (bands - 1) * between_px
    drawing = make_subplots(
        rows=bands, cols=columns, subplot_titles=[f"<b>{for_html(marked(name))}</b>" for name in plan.strategies],
        horizontal_spacing=0.08 / columns, vertical_spacing=between_px / plot_px if bands > 1 else 0, shared_yaxes=True,
    )  # fmt: skip
    for number, name in enumerate(plan.strategies):
        band, column = divmod(number, columns)
        at = {"row": band + 1, "col": column + 1}
        own = [one for one in found if one.place.strategy == name]
        _draw(drawing, plan, [one for one in own if one.world == "virtual"], at)
        _draw_measured(drawing, plan, [one for one in own if one.world != "virtual"], at)
        if (line := lines_per_s.get(name)) is not None:
            drawing.add_vline(x=_between(plan.rates_per_s, line), line={"color": INK, "width": 2, "dash": "dash"}, **at)
        _set_axes(drawing, plan, at, is_left=column == 0, is_below=number + columns >= len(plan.strategies))
    _explain(drawing)
    set_look(
        drawing, ABOVE_PX + plot_px + AXES_PX, (70, 16, ABOVE_PX, AXES_PX), showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top", "itemclick": False},
    )  # fmt: skip
    return drawing


def in_the_square(one: Found) -> str:
    """The text of a square: whole seconds until a system came back, a sign for never, nothing where it stays well."""
    match one.fate:
        case Fate.NEVER:
            return NEVER_TEXT
        case Fate.BACK:
            return f"{one.recovers_after_s:.0f}"
        case Fate.UNKNOWN:
            return "?"
    return ""


def _draw(drawing: go.Figure, plan: MapPlan, found: Sequence[Found], at: Mapping[str, int]) -> None:
    """The squares of what was simulated."""
    drawing.add_scatter(
        **_places(plan, found),
        marker={"symbol": "square", "size": CELL_PX - 4, "color": [FATES[one.fate] for one in found]},
        text=[in_the_square(one) for one in found],
        textfont={"size": 12, "color": [ON_A_FATE.get(one.fate, INK) for one in found]},
        **at,
    )


def _draw_measured(drawing: go.Figure, plan: MapPlan, found: Sequence[Found], at: Mapping[str, int]) -> None:
    """The rings of what was measured, each with its own text."""
    if not found:
        return
    drawing.add_scatter(
        **_places(plan, found),
        marker=RING | {"size": RING_PX},
        text=[f"<b>{in_the_square(one) or '0'}</b>" for one in found],
        textposition="top right",
        textfont={"size": 12, "color": INK},
        cliponaxis=False,
        **at,
    )


def _places(plan: MapPlan, found: Sequence[Found]) -> dict[str, Any]:
    """The coordinates and the tips of places: an axis counts its values from 0."""
    return {
        "x": [plan.rates_per_s.index(one.place.rate_per_s) for one in found],
        "y": [plan.triggers.index(one.place.trigger) for one in found],
        "mode": "markers+text",
        "customdata": [_tip(plan, one) for one in found],
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
    }


def _set_axes(drawing: go.Figure, plan: MapPlan, at: Mapping[str, int], is_left: bool, is_below: bool) -> None:
    plain = {"showgrid": False, "zeroline": False, "ticks": "outside", "tickcolor": FAINT, "linecolor": FAINT}
    drawing.update_xaxes(
        tickvals=[*range(len(plan.rates_per_s))], ticktext=[f"{value:g}" for value in plan.rates_per_s],
        range=[-0.7, len(plan.rates_per_s) - 0.3], title="requests/s" if is_below else None, **plain, **at,
    )  # fmt: skip
    drawing.update_yaxes(
        tickvals=[*range(len(plan.triggers))], ticktext=[f"{value:g}" for value in plan.triggers],
        range=[-0.7, len(plan.triggers) - 0.3], title=trigger_in_words(plan.field) if is_left else None, **plain, **at,
    )  # fmt: skip


def trigger_in_words(field: str) -> str:
    """The name of the axis of triggers."""
    return "length of the trigger, s" if field == LENGTH else f"size of the trigger ({field})"


def _explain(drawing: go.Figure) -> None:
    """Entries of the legend: a symbol for each fate, theory's line, and what was measured."""
    words = {
        Fate.WELL: "stays well",
        Fate.BACK: "comes back, after so many seconds",
        Fate.NEVER: "never comes back",
        Fate.UNKNOWN: "no result",
    }
    for one, text in words.items():
        marker = {"symbol": "square", "size": 14, "color": FATES[one]}
        drawing.add_scatter(x=[None], y=[None], mode="markers", name=text, marker=marker)
    drawing.add_scatter(x=[None], y=[None], mode="markers", name="measured natively", marker=RING | {"size": 14})
    dash = {"color": INK, "width": 2, "dash": "dash"}
    drawing.add_scatter(x=[None], y=[None], mode="lines", name="theory: left of it every backlog ends", line=dash)


def _between(values: Sequence[float], value: float) -> float:
    """The place of a value on an axis whose ticks are the numbers of `values`; half a tick beyond its ends."""
    right = bisect(values, value)
    if right in {0, len(values)}:
        return -0.5 if right == 0 else len(values) - 0.5
    low, high = values[right - 1], values[right]
    return right - 1 + (value - low) / (high - low)


def _tip(plan: MapPlan, one: Found) -> str:
    row, place = one.row, one.place
    shown = [
        f"<b>{for_html(marked(place.strategy))}: {one.fate}</b> ({one.world})",
        f"{place.rate_per_s:g} requests/s, {for_html(plan.field)} = {place.trigger:g}",
    ]
    if row.worst_second is not None:
        shown.append(f"worst second: {100 * row.worst_second:.0f} % of the goodput before")
    if row.failed_during is not None:
        shown.append(f"{row.failed_during:,} requests failed meanwhile")
    if row.attempts_per_request is not None:
        shown.append(f"{row.attempts_per_request:.2f} attempts per request")
    return "<br>".join([*shown, *map(for_html, row.incidents[:2])])
