"""The chart of a frontier: latency against origin load, with the age of the answers as colour."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]

from app.discovery import discover
from loadtest.report.cells import ASSUMED, shown
from loadtest.report.chart_look import AXIS, set_look
from loadtest.report.colours import BAD, INK, QUIET, SYMBOLS, colours
from loadtest.report.frontier.choice import Choice, beaten_by, in_words, unbeaten
from loadtest.report.frontier.label_places import label_places
from loadtest.report.marks import marked
from loadtest.report.quoting import for_html

HEIGHT_PX, MARGIN = 520, (58, 16, 40, 116)
COLOUR_WORDS_PX = 58
"""The distance of the colour bar's words from the axis: below the axis' own words, and above the bar."""
NUMBERED_MAX = 25
"""The most choices with a number in the chart; more could not be read."""
TOUCH = 0.03
"""The distance in decades below which rings cover each other's numbers."""
WIDE, NARROW = {"only": "wide"}, {"only": "narrow"}
"""The marks of traces that `page.js` shows on a wide screen alone, or on a narrow one."""

_Places = Sequence[float]


def figure(choices: Sequence[Choice], inks: Mapping[str, str], is_named: bool = False) -> go.Figure:
    """The chart; at least one choice must have answers.

    The few points of a run have names in place of numbers (`is_named`), and an arrow from each that is beaten to who
    beats it.
    """
    drawn = with_answers(choices)
    x, y = _floored([one.reads_per_s for one in drawn]), _floored([one.latency_ms or 0.0 for one in drawn])
    drawing = go.Figure()
    _name_colour_bar(drawing)
    _ring(drawing, drawn, x, y, has_numbers=not is_named)
    _draw_strategies(drawing, drawn, x, y, inks)
    if is_named:
        arrows = _arrows(drawn, x, y)
        _name(drawing, drawn, x, y, arrows)
        _point_at_winners(drawing, x, y, arrows)
    _mark_assumed(drawing, drawn, x, y, is_named)
    out = [place for place, choice in enumerate(drawn) if not choice.is_eligible]
    if out:
        drawing.add_scatter(
            x=[x[place] for place in out], y=[y[place] for place in out], mode="markers", hoverinfo="skip",
            name="nothing to choose", marker={"symbol": "x-thin", "size": 18, "line": {"width": 2, "color": BAD}},
        )  # fmt: skip
    _set_axes(drawing, drawn, x, y, max(choice.row.age_p99_s or 0.0 for choice in drawn))
    return drawing


def with_answers(choices: Sequence[Choice]) -> list[Choice]:
    """The choices that have a latency; the others are in the table alone."""
    return [choice for choice in choices if choice.latency_ms is not None]


def in_sentences(choices: Sequence[Choice]) -> str:
    """Sentences that stand for the chart: what nothing beats, and who beats each of the others."""
    best = [_told(one) for one in unbeaten(choices)]
    told = [f"Nothing beats {'; '.join(best)}."] if best else ["There is nothing to choose."]
    for one in choices:
        if winners := beaten_by(one, choices):
            by = ", ".join(marked(winner.label) for winner in winners)
            told.append(f"{_told(one)} is beaten by {by}.")
    out = [marked(one.label) for one in choices if not one.is_eligible]
    return " ".join([*told, *([f"No choice, because it has errors or is no result: {', '.join(out)}."] if out else [])])


def inks(choices: Sequence[Choice]) -> dict[str, str]:
    """A colour for each strategy, the baseline first."""
    return colours(discover().strategies, {choice.strategy: None for choice in choices})


def _told(choice: Choice) -> str:
    row = choice.row
    latency = f"p99 {ASSUMED if choice.is_assumed else ''}{shown(choice.latency_ms)} ms"
    return f"{marked(choice.label)} ({shown(choice.reads_per_s)} reads/s, {latency}, age {shown(row.age_p99_s)} s)"


def _ring(drawing: go.Figure, drawn: Sequence[Choice], x: _Places, y: _Places, has_numbers: bool) -> None:
    best = [drawn.index(choice) for choice in unbeaten(drawn)]
    has_numbers = has_numbers and len(best) <= NUMBERED_MAX
    drawing.add_scatter(
        x=[x[place] for place in best], y=[y[place] for place in best], mode="markers+text", name="nothing beats it",
        marker={"symbol": "circle-open", "size": 21, "color": INK, "line": {"width": 1.5}},
        text=_numbers([(x[place], y[place]) for place in best]) if has_numbers else None,
        textposition="top right", textfont={"color": INK, "size": 12}, hoverinfo="skip",
    )  # fmt: skip


def _draw_strategies(
    drawing: go.Figure, drawn: Sequence[Choice], x: _Places, y: _Places, inks: Mapping[str, str]
) -> None:
    names = dict.fromkeys(choice.strategy for choice in drawn)
    for number, name in enumerate(sorted(names, key=list(inks).index)):
        own = [place for place, choice in enumerate(drawn) if choice.strategy == name]
        symbol, ink = SYMBOLS[number % len(SYMBOLS)], inks[name]
        drawing.add_scatter(
            x=[x[place] for place in own], y=[y[place] for place in own], mode="markers",
            name=marked(name), showlegend=False,
            marker={
                "symbol": symbol,
                "size": max(9, 16 - 1.5 * number),  # of two in the same place, both are seen
                "line": {"width": 2, "color": ink},
                "color": [drawn[place].row.age_p99_s or 0.0 for place in own],
                "coloraxis": "coloraxis",
            },
            customdata=[_tip(drawn[place]) for place in own], hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        # its own entry in the legend, whose symbol has no age and so no colour
        drawing.add_scatter(
            x=[None], y=[None], mode="markers", name=marked(name), marker={"symbol": symbol, "color": ink, "size": 9}
        )


def _arrows(drawn: Sequence[Choice], x: _Places, y: _Places) -> list[tuple[int, int]]:
    """The places of each that is beaten, and of the nearest that beats it."""
    logs = [(math.log10(a), math.log10(b)) for a, b in zip(x, y, strict=True)]
    found = []
    for place, one in enumerate(drawn):
        if winners := [drawn.index(winner) for winner in beaten_by(one, drawn)]:
            found.append((place, min(winners, key=lambda other: math.dist(logs[place], logs[other]))))
    return found


def _name(
    drawing: go.Figure, drawn: Sequence[Choice], x: _Places, y: _Places, arrows: Sequence[tuple[int, int]]
) -> None:
    names = [f"{ASSUMED if one.is_assumed else ''}{marked(one.strategy)}" for one in drawn]
    drawing.add_scatter(
        x=list(x), y=list(y), mode="markers+text", text=[for_html(name) for name in names],
        marker={"size": 20, "opacity": 0},  # for the distance of a name from its point
        textposition=label_places(names, list(map(math.log10, x)), list(map(math.log10, y)), arrows),
        textfont={"color": INK, "size": 12}, hoverinfo="skip", showlegend=False, cliponaxis=False, meta=WIDE,
    )  # fmt: skip


def _point_at_winners(drawing: go.Figure, x: _Places, y: _Places, arrows: Sequence[tuple[int, int]]) -> None:
    """An arrow from each that is beaten to the nearest that beats it."""
    for place, nearest in arrows:
        drawing.add_annotation(
            x=math.log10(x[nearest]), y=math.log10(y[nearest]), ax=math.log10(x[place]), ay=math.log10(y[place]),
            xref="x", yref="y", axref="x", ayref="y", text="", showarrow=True, arrowhead=2, arrowsize=1.3,
            arrowwidth=1, arrowcolor=QUIET, standoff=12, startstandoff=10,
        )  # fmt: skip


def _mark_assumed(drawing: go.Figure, drawn: Sequence[Choice], x: _Places, y: _Places, is_named: bool) -> None:
    """A dotted line, and a sign at each point, where a latency is only assumed."""
    own = [place for place, choice in enumerate(drawn) if choice.is_assumed]
    if not own:
        return
    level = min(y[place] for place in own)
    drawing.add_hline(y=level, line={"color": QUIET, "width": 1, "dash": "dot"}, layer="below")
    drawing.add_annotation(
        text=f"{ASSUMED} assumed, not simulated", x=1, xref="paper", xanchor="right", y=math.log10(level),
        yanchor="top", showarrow=False, font={"size": 11, "color": QUIET},
    )  # fmt: skip
    drawing.add_scatter(
        x=[x[place] for place in own], y=[y[place] for place in own], mode="markers+text", hoverinfo="skip",
        text=[ASSUMED] * len(own), textposition="middle left", textfont={"color": INK, "size": 14}, showlegend=False,
        marker={"size": 18, "opacity": 0}, meta=NARROW if is_named else None,
    )  # fmt: skip


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


def _name_colour_bar(drawing: go.Figure) -> None:
    """The words above the bar, in its margin; a title of the bar itself would lie across it."""
    drawing.add_annotation(
        text="age p99 of the answers, s", x=0, y=0, xref="paper", yref="paper", xanchor="left", yanchor="top",
        yshift=-COLOUR_WORDS_PX, showarrow=False, font={"size": 11},
    )  # fmt: skip


def _set_axes(
    drawing: go.Figure, drawn: Sequence[Choice], x: Sequence[float], y: Sequence[float], oldest_s: float
) -> None:
    """Axes that are both logarithmic, because strategies differ by factors."""
    is_steady = all(one.row.steady_p99_ms is not None for one in drawn)
    latency = "latency p99 after the cold start, ms (log)" if is_steady else "latency p99, ms (log)"
    reads = "origin reads per second after the cold start, mean (log)"
    drawing.update_xaxes(title={"text": reads, "standoff": 4}, **_ticks(x), **AXIS)
    drawing.update_yaxes(title={"text": latency, "standoff": 4}, **_ticks(y), **AXIS)
    set_look(
        drawing, HEIGHT_PX, MARGIN, showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "itemclick": False,
                "font": {"size": 12}},
        coloraxis={
            "colorscale": "Viridis_r",
            "cmin": 0,  # so that a small difference looks like one
            "cmax": oldest_s or 1.0,
            "colorbar": {"orientation": "h", "thickness": 8, "len": 0.6, "x": 0, "xanchor": "left", "y": 0,
                         "yref": "container", "yanchor": "bottom", "outlinewidth": 0, "nticks": 6},
        },
    )  # fmt: skip


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
        f"p99 {ASSUMED if choice.is_assumed else ''}{shown(choice.latency_ms)} ms, p50 {shown(row.p50_ms)} ms",
        f"{choice.reads_per_s:,.1f} origin reads/s, in a second at most {shown(row.steady_peak_1s)} in the steady state"
        f" and {row.cold_peak_1s:,} at the cold start",
        f"age p99 {shown(row.age_p99_s)} s; {shown(None if row.hit_ratio is None else 100 * row.hit_ratio)} % hits",
        f"{row.errors:,} errors of {row.requests:,} requests",
    ]
    return "<br>".join([f"<b>{for_html(marked(choice.strategy))}</b>", *settings, *figures])
