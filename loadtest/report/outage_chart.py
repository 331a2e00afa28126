"""The figure of an outage: goodput over time, and attempts per 100 ms where clients retry, a column per strategy."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]
from plotly.subplots import make_subplots  # type: ignore[import-untyped]

from loadtest.figures.good_answers import WAVE_S
from loadtest.figures.records import Integers
from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import Attempted, Series
from loadtest.report.chart import COLUMNS_MAX, FONT
from loadtest.report.colours import BAD, FAINT, INK
from loadtest.report.fault_marks import FaultMark, draw_marks
from loadtest.report.marks import marked
from loadtest.report.outage import back_after
from loadtest.report.quoting import for_html
from loadtest.workload.trigger import Trigger

POINTS_MAX = 3_000
"""The most points of a line of attempts; of more, the highest of each few is drawn."""
PANEL_PX, ABOVE_PX, BELOW_PX = 170, 56, 44


def outage_figure(
    rows: Sequence[Medians],
    series: Mapping[str, Series],
    inks: Mapping[str, str],
    marks: Mapping[str, Sequence[FaultMark]],
    trigger: Trigger | None,
) -> go.Figure | None:
    """The figure, in bands of at most `COLUMNS_MAX` strategies; None where no course is known."""
    shown = [(row, one.attempted) for row in rows if (one := series.get(row.strategy)) and one.attempted is not None]
    if not shown:
        return None
    panels = 1 + any(attempted.in_100ms is not None for _, attempted in shown)
    bands = math.ceil(len(shown) / COLUMNS_MAX)
    columns = math.ceil(len(shown) / bands)
    drawing = make_subplots(
        rows=panels * bands, cols=columns, horizontal_spacing=0.1 / columns, vertical_spacing=0.32 / (panels * bands)
    )
    for position, (row, attempted) in enumerate(shown):
        band, column = divmod(position, columns)
        at = {"row": panels * band + 1, "col": column + 1}
        _draw_goodput(drawing, attempted, inks[row.strategy], at)
        if attempted.in_100ms is not None:
            _draw_attempts(drawing, attempted.in_100ms, inks[row.strategy], {**at, "row": at["row"] + 1})
        _head(drawing, row, at)
        for panel in range(panels):
            below = {**at, "row": at["row"] + panel}
            if not marks.get(row.strategy) and trigger is not None:
                draw_marks(drawing, [FaultMark("trigger", *trigger)], panel == 0, **below)
            draw_marks(drawing, marks.get(row.strategy, ()), panel == 0, **below)
    _set_axes(drawing, shown, panels, bands)
    return drawing


def _draw_goodput(drawing: go.Figure, attempted: Attempted, ink: str, at: Mapping[str, int]) -> None:
    """The good answers of each second as an area, and over it the requests: the gap is what failed."""
    time_s = np.arange(len(attempted.good)) + 0.5
    drawing.add_scatter(
        x=time_s, y=attempted.good.astype(np.float32), mode="lines", name="goodput", line={"color": ink, "width": 1.3},
        fill="tozeroy", fillcolor=ink + "55", hovertemplate="%{y:,} good answers<extra></extra>", **at,
    )  # fmt: skip
    drawing.add_scatter(
        x=time_s, y=attempted.asked.astype(np.float32), mode="lines", name="requests",
        line={"color": INK, "width": 0.8, "dash": "dot"}, hovertemplate="%{y:,} requests<extra></extra>", **at,
    )  # fmt: skip


def _draw_attempts(drawing: go.Figure, in_100ms: Integers, ink: str, at: Mapping[str, int]) -> None:
    together = math.ceil(len(in_100ms) / POINTS_MAX)
    highest = np.maximum.reduceat(in_100ms, np.arange(0, len(in_100ms), together))
    drawing.add_scatter(
        x=np.arange(len(highest)) * together * WAVE_S, y=highest.astype(np.float32), mode="lines",
        name="attempts in 100 ms", line={"color": ink, "width": 1},
        hovertemplate="%{y:,} attempts in 100 ms<extra></extra>", **at,
    )  # fmt: skip


def _head(drawing: go.Figure, row: Medians, at: Mapping[str, int]) -> None:
    back = back_after(row)
    told = f"back after <b>{back}</b>{' s' if back[:1].isdigit() else ''}" if back else ""
    if back == "–":
        told = "not known to be back"
    elif back and not back[0].isdigit():
        told = f'<b style="color:{BAD}">never back</b>'
    if not told and row.attempts_per_request is not None:
        told = f"{row.attempts_per_request:.2f} attempts/request"
    text = f'<b>{for_html(marked(row.strategy))}</b><br><span style="font-size:12px">{told}</span>'
    drawing.add_annotation(
        text=text, x=0.5, xref="x domain", xanchor="center", y=1, yref="y domain", yanchor="bottom", yshift=4,
        showarrow=False, font={"size": 14, "color": INK}, **at,
    )  # fmt: skip


def _set_axes(drawing: go.Figure, shown: Sequence[tuple[Medians, Attempted]], panels: int, bands: int) -> None:
    ends_s = max(row.duration_s for row, _ in shown)
    top = max(float(attempted.asked.max(initial=1)) for _, attempted in shown)
    drawing.update_xaxes(range=[0, ends_s], nticks=5, ticks="outside", tickcolor=FAINT, showgrid=False)
    drawing.update_yaxes(gridcolor=FAINT, zeroline=False, showticklabels=False, rangemode="tozero")
    waves = max((int(one.in_100ms.max(initial=1)) for _, one in shown if one.in_100ms is not None), default=1)
    for band in range(bands):
        goodput = panels * band + 1
        drawing.update_yaxes(range=[0, 1.08 * top], row=goodput)
        drawing.update_yaxes(title="good answers/s", showticklabels=True, row=goodput, col=1)
        if panels > 1:
            drawing.update_xaxes(showticklabels=False, row=goodput)
            drawing.update_yaxes(range=[0, 1.08 * waves], row=goodput + 1)
            drawing.update_yaxes(title="attempts/100 ms", showticklabels=True, row=goodput + 1, col=1)
        drawing.update_xaxes(title={"text": "seconds", "standoff": 4}, row=goodput + panels - 1)
    drawing.update_layout(
        height=bands * (panels * PANEL_PX + ABOVE_PX) + BELOW_PX,
        margin={"l": 64, "r": 8, "t": ABOVE_PX, "b": BELOW_PX},
        template="none",
        showlegend=False,
        hovermode="x",
        font=FONT,
    )
