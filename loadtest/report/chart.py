"""The course of a strategy over time: origin reads, and below them latency.

Every strategy has a figure of its own, on the axes of all, so that they differ by the strategy alone. A page can place
as many side by side as it has room for.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]
from plotly.subplots import make_subplots  # type: ignore[import-untyped]

from loadtest.figures.records import Floats
from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import RepeatsBand, Series
from loadtest.report.cells import ASSUMED, shown
from loadtest.report.chart_look import AXIS, add_heading, set_look
from loadtest.report.embedding import Chart, chart
from loadtest.report.fault_marks import FaultMark, draw_marks
from loadtest.report.marks import marked

HEIGHT_PX, MARGIN = 400, (40, 8, 22, 34)
READS_SHARE, GAP_SHARE = 0.52, 0.1
GROUP = "course"
"""The charts of a group are zoomed together."""

_EMPTY = np.array([np.nan])
_NOTHING = Series(1.0, _EMPTY, _EMPTY, _EMPTY, _EMPTY)
BELOW_AXIS = 1e-9
"""A latency that lies below every axis, which is logarithmic."""


class Limits(NamedTuple):
    """The ends of the axes that all courses share."""

    ends_s: float
    reads_top: float
    decades: tuple[float, float]
    """The ends of the latency axis as powers of ten."""

    @property
    def ranges(self) -> dict[str, Sequence[float]]:
        """The ranges of a figure's axes, by their names in its layout."""
        return {"yaxis": (0.0, 1.08 * self.reads_top), "yaxis2": self.decades}  # room above the highest peak


class CourseShown(NamedTuple):
    """A strategy's course in a page: the words above it, and its chart."""

    row: Medians
    repeat: int
    """The repeat that is drawn; 0 where there is one run alone."""
    chart: Chart


def course_charts(
    rows: Sequence[Medians],
    series: Mapping[str, Series],
    inks: Mapping[str, str],
    marks: Mapping[str, Sequence[FaultMark]],
) -> list[CourseShown]:
    """A chart per row; without a series it shows the peaks alone."""
    ends = limits(rows, [series[row.strategy] for row in rows if row.strategy in series])
    found = []
    for number, row in enumerate(rows):
        run = series.get(row.strategy, _NOTHING)
        drawing = course_figure(row, run, inks[row.strategy], marks.get(row.strategy, ()), ends)
        label = f"{marked(row.strategy)}: origin reads and latency over time"
        one = chart(f"course-{number}", label, in_words(row), drawing)
        found.append(CourseShown(row, run.repeat if row.repeats > 1 else 0, one))
    return found


def course_figure(row: Medians, run: Series, ink: str, marks: Sequence[FaultMark], ends: Limits) -> go.Figure:
    """The figure of one strategy: reads above, latency below."""
    drawing = make_subplots(rows=2, cols=1, shared_xaxes=True)
    _draw_reads(drawing, run, ink)
    _draw_latency(drawing, run, ink)
    # the exact peaks, from every read's own moment: the bins can only come near them
    for peak, dash in ((row.steady_peak_1s, "dash"), (row.cold_peak_1s or None, "dot")):
        if peak is not None:
            drawing.add_hline(y=peak, line={"color": ink, "width": 1.2, "dash": dash}, opacity=0.8, row=1, col=1)
    for panel in (1, 2):
        draw_marks(drawing, marks, panel == 1, row=panel, col=1)
    _set_axes(drawing, ends)
    return drawing


def in_words(row: Medians) -> str:
    """The sentence that stands for a course."""
    steady = "nothing expired" if row.steady_peak_1s is None else f"{row.steady_peak_1s:,} in the steady state"
    told = f"Most origin reads in a second: {steady}, {row.cold_peak_1s:,} in the cold start."
    latency = [
        f"{name} {ASSUMED if field in row.assumed else ''}{shown(getattr(row, field))} ms"
        for name, field in (("p50", "p50_ms"), ("p99", "p99_ms"))
    ]
    return f"{told} Latency: {', '.join(latency)}."


def _draw_reads(drawing: go.Figure, run: Series, ink: str) -> None:
    if run.reads_band is not None:
        _draw_band(drawing, run, run.reads_band, ink, 1)
    drawing.add_scatter(
        **_bins(run, run.in_last_second()), mode="lines", name="origin reads",
        line={"color": ink, "width": 1, "shape": "hv"}, fill="tozeroy", fillcolor=ink + "80",
        hovertemplate="%{y:.4~g} reads in the last second<extra></extra>", row=1, col=1,
    )  # fmt: skip


def _draw_latency(drawing: go.Figure, run: Series, ink: str) -> None:
    if run.p99_band is not None:
        _draw_band(drawing, run, run.p99_band, ink, 2)
    lines = (("p50", run.p50_ms, {"width": 1.5, "dash": "dot"}), ("p99", run.p99_ms, {"width": 1.3}))
    for name, values, style in lines:
        drawing.add_scatter(
            **_bins(run, np.where(values > 0, values, np.nan)), mode="lines", name=name,
            line={"color": ink, "shape": "hv", **style}, hovertemplate=f"{name} %{{y:.3~g}} ms<extra></extra>",
            row=2, col=1,
        )  # fmt: skip


def _draw_band(drawing: go.Figure, run: Series, band: RepeatsBand, ink: str, panel: int) -> None:
    """The range of all repeats; a bin without a value has it below the axis, where it is not seen."""
    for number, values in enumerate(band):
        drawing.add_scatter(
            **_bins(run, np.where(values > 0, values, BELOW_AXIS if panel == 2 else 0.0)), mode="lines",
            name="all repeats", line={"width": 0, "shape": "hv"}, fill="tonexty" if number else None,
            fillcolor=ink + "45", hoverinfo="skip", row=panel, col=1,
        )  # fmt: skip


def _bins(run: Series, values: Floats) -> dict[str, Any]:
    """The coordinates of a line of steps, a value for each bin.

    Beside a gap a point at both ends of every bin is needed, so that one between two empty ones is a visible dash.
    """
    if not np.isnan(values).any():
        return {"x0": 0, "dx": run.bin_s, "y": np.append(values, values[-1:]).astype(np.float32)}
    time_s = np.column_stack((run.time_s, run.time_s + run.bin_s)).ravel()
    return {"x": time_s.astype(np.float32), "y": np.repeat(values, 2).astype(np.float32)}


def limits(rows: Sequence[Medians], runs: Sequence[Series]) -> Limits:
    ends_s = [row.duration_s for row in rows] + [run.time_s[-1] + run.bin_s for run in runs if len(run.time_s)]
    tops = [row.origin_peak_1s for row in rows] + [run.in_last_second().max(initial=0) for run in runs]
    tops += [run.reads_band.high.max(initial=0) for run in runs if run.reads_band is not None]
    return Limits(float(max(ends_s)), max(1.0, *map(float, tops)), _decades(runs))


def _decades(runs: Sequence[Series]) -> tuple[float, float]:
    """The range of the latency axis as powers of ten, from 1 ms or below, over at least one decade."""
    latencies = [values for run in runs for values in (run.p50_ms, run.p99_ms)]
    latencies += [values for run in runs if run.p99_band is not None for values in run.p99_band]
    seen = np.concatenate([[1.0], *(values[values > 0] for values in latencies)])
    low = math.floor(np.log10(seen.min()))
    return float(low), max(low + 1.0, float(np.log10(1.5 * seen.max())))


def _set_axes(drawing: go.Figure, ends: Limits) -> None:
    drawing.update_xaxes(range=[0, ends.ends_s], nticks=5, **(AXIS | {"showgrid": False}))
    drawing.update_xaxes(showticklabels=False, ticks="", row=1)
    drawing.update_xaxes(title={"text": "seconds", "standoff": 2, "font": {"size": 11}}, row=2)
    drawing.update_yaxes(
        range=ends.ranges["yaxis"], domain=[1 - READS_SHARE, 1], nticks=6, tickformat="~s", row=1, **AXIS
    )
    drawing.update_yaxes(
        # Logarithmic, because the three heights that matter are decades apart: a hit (about 2 ms), a read of the
        # origin (about 200 ms), a queue for the origin (seconds). On a linear axis one slow second would press
        # the hits and the p50 of every strategy onto the floor.
        type="log", range=ends.ranges["yaxis2"], domain=[0, 1 - READS_SHARE - GAP_SHARE],
        tickvals=[10.0**power for power in range(-2, 6)],
        ticktext=["0.01", "0.1", "1", "10", "100", "1k", "10k", "100k"], row=2, **AXIS,
    )  # fmt: skip
    add_heading(drawing, "origin reads in the last second", row=1, col=1)
    add_heading(drawing, "latency, ms (log)", row=2, col=1)
    set_look(drawing, HEIGHT_PX, MARGIN, hovermode="x", meta={"group": GROUP})
