"""The course of an outage: goodput over time, and attempts per 100 ms where clients retry, a figure per strategy."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]
from numpy.typing import NDArray
from plotly.subplots import make_subplots  # type: ignore[import-untyped]

from loadtest.figures.good_answers import WAVE_S
from loadtest.figures.records import Floats, Integers
from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import Attempted, Series
from loadtest.report.cells import shown
from loadtest.report.chart_look import AXIS, add_heading, set_look
from loadtest.report.colours import INK
from loadtest.report.embedding import Chart, chart
from loadtest.report.fault_marks import FaultMark, draw_marks
from loadtest.report.marks import marked
from loadtest.report.outage import back_after
from loadtest.workload.trigger import Trigger

POINTS_MAX = 3_000
"""The most points of a line of attempts; of more, the highest of each few is drawn."""
PANEL_PX, GAP_PX, MARGIN = 150, 30, (40, 8, 22, 34)
GROUP = "outage"


class OutageCourse(NamedTuple):
    """A strategy's outage in a page: the words above it, and its chart."""

    row: Medians
    back: str
    is_never: bool
    chart: Chart


def outage_charts(
    rows: Sequence[Medians],
    series: Mapping[str, Series],
    inks: Mapping[str, str],
    marks: Mapping[str, Sequence[FaultMark]],
    trigger: Trigger | None,
) -> list[OutageCourse]:
    """A chart per strategy whose course is known, on the axes of all."""
    known = [(row, one.attempted) for row in rows if (one := series.get(row.strategy)) and one.attempted is not None]
    found = []
    for number, (row, attempted) in enumerate(known):
        struck = marks.get(row.strategy) or ([] if trigger is None else [FaultMark("trigger", *trigger)])
        drawing = _figure(attempted, inks[row.strategy], struck)
        _set_axes(drawing, known, attempted.in_100ms is not None)
        label = f"{marked(row.strategy)}: good answers over time"
        back = _back_in_words(row)
        shown_one = chart(f"outage-{number}", label, _in_words(row, back), drawing)
        found.append(OutageCourse(row, back, back == NEVER_BACK, shown_one))
    return found


NEVER_BACK = "never back"


def _back_in_words(row: Medians) -> str:
    """The word above a course: when the system was back, or what its clients did where there was no trigger."""
    back = back_after(row)
    if back == "–":
        return "not known to be back"
    if back:
        return f"back after {back} s" if back[0].isdigit() else NEVER_BACK
    return "" if row.attempts_per_request is None else f"{row.attempts_per_request:.2f} attempts/request"


def _in_words(row: Medians, back: str) -> str:
    """The sentence that stands for a course."""
    told = [back, f"goodput {shown(row.goodput)} requests/s on average"] if row.goodput is not None else [back]
    if row.failed_during is not None:
        told.append(f"{row.failed_during:,} requests of the trigger's time without a good answer")
    if row.retries_peak_100ms is not None:
        told.append(f"at most {row.retries_peak_100ms:,} retries in 100 ms")
    text = "; ".join(filter(None, told))
    return f"{text[:1].upper()}{text[1:]}."


def _figure(attempted: Attempted, ink: str, marks: Sequence[FaultMark]) -> go.Figure:
    panels = 1 + (attempted.in_100ms is not None)
    drawing = make_subplots(rows=panels, cols=1, shared_xaxes=True, vertical_spacing=_gap(panels))
    _draw_goodput(drawing, attempted, ink)
    if attempted.in_100ms is not None:
        _draw_attempts(drawing, attempted.in_100ms, ink)
    for panel in range(1, panels + 1):
        draw_marks(drawing, marks, panel == 1, row=panel, col=1)
    return drawing


def _gap(panels: int) -> float:
    return GAP_PX / (panels * PANEL_PX + GAP_PX) if panels > 1 else 0.0


def _draw_goodput(drawing: go.Figure, attempted: Attempted, ink: str) -> None:
    """The good answers of each second as an area, and over it the requests: the gap is what failed."""
    at = {"row": 1, "col": 1}
    drawing.add_scatter(
        x0=0.5, dx=1, y=_small(attempted.good), mode="lines", name="goodput",
        line={"color": ink, "width": 1.3}, fill="tozeroy", fillcolor=ink + "55",
        hovertemplate="%{y:,} good answers<extra></extra>", **at,
    )  # fmt: skip
    drawing.add_scatter(
        x0=0.5, dx=1, y=_small(attempted.asked), mode="lines", name="requests",
        line={"color": INK, "width": 0.8, "dash": "dot"}, hovertemplate="%{y:,} requests<extra></extra>", **at,
    )  # fmt: skip


def _draw_attempts(drawing: go.Figure, in_100ms: Integers, ink: str) -> None:
    together = math.ceil(len(in_100ms) / POINTS_MAX)
    highest = np.maximum.reduceat(in_100ms, np.arange(0, len(in_100ms), together))
    drawing.add_scatter(
        x0=0, dx=together * WAVE_S, y=_small(highest), mode="lines", name="attempts in 100 ms",
        line={"color": ink, "width": 1}, hovertemplate="%{y:,} attempts in 100 ms<extra></extra>", row=2, col=1,
    )  # fmt: skip


def _small(counts: Floats | Integers) -> NDArray[Any]:
    """Counts in the fewest bytes that hold them."""
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))


def _set_axes(drawing: go.Figure, known: Sequence[tuple[Medians, Attempted]], has_attempts: bool) -> None:
    panels = 1 + has_attempts
    top = max(float(attempted.asked.max(initial=1)) for _, attempted in known)
    drawing.update_xaxes(range=[0, max(row.duration_s for row, _ in known)], nticks=5, **(AXIS | {"showgrid": False}))
    drawing.update_yaxes(nticks=5, tickformat="~s", rangemode="tozero", **AXIS)
    drawing.update_yaxes(range=[0, 1.08 * top], row=1)
    add_heading(drawing, "good answers/s", row=1, col=1)
    if has_attempts:
        waves = max(int(one.in_100ms.max(initial=1)) for _, one in known if one.in_100ms is not None)
        drawing.update_xaxes(showticklabels=False, ticks="", row=1)
        drawing.update_yaxes(range=[0, 1.08 * waves], row=2)
        add_heading(drawing, "attempts in 100 ms", row=2, col=1)
    drawing.update_xaxes(title={"text": "seconds", "standoff": 2, "font": {"size": 11}}, row=panels)
    height = panels * PANEL_PX + (panels - 1) * GAP_PX + MARGIN[2] + MARGIN[3]
    set_look(drawing, height, MARGIN, hovermode="x", meta={"group": GROUP})
