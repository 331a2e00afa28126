"""The figure of a run: origin reads and latency over time, a column per strategy.

All columns have the same axes and scales, so that they differ by the strategy alone.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]
from numpy.typing import NDArray
from plotly.subplots import make_subplots  # type: ignore[import-untyped]

from loadtest.figures.records import Floats
from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import Series
from loadtest.report.colours import BAD, FAINT, INK
from loadtest.report.fault_marks import FaultMark, draw_marks
from loadtest.report.marks import marked
from loadtest.report.quoting import for_html

FONT = {"family": "system-ui, -apple-system, Segoe UI, sans-serif", "size": 12, "color": INK}
"""The font of every figure."""

COLUMNS_MAX = 6  # in one band; with more a needle would be thinner than a pixel
NAME_CHARS = 96  # of headings side by side in a band, so that none meets its neighbour on a page of 1000 px

READS_PX, LATENCY_PX, GAP_PX, HEADING_PX, BELOW_PX = 230, 190, 22, 18, 52

Drawn = NDArray[np.float32]
"""Coordinates as the page holds them: seven digits, at half the size."""

_EMPTY = np.array([np.nan])
_NOTHING = Series(1.0, _EMPTY, _EMPTY, _EMPTY, _EMPTY)


def figure(
    rows: Sequence[Medians],
    series: Mapping[str, Series],
    inks: Mapping[str, str],
    marks: Mapping[str, Sequence[FaultMark]],
) -> go.Figure:
    """The figure: two panels per row, in bands of at most `COLUMNS_MAX`; without a series they show the peaks alone."""
    bands = math.ceil(len(rows) / COLUMNS_MAX)
    columns = math.ceil(len(rows) / bands)
    drawing = make_subplots(rows=2 * bands, cols=columns, horizontal_spacing=0.1 / columns)
    names = [_heading(row, series.get(row.strategy), NAME_CHARS // columns) for row in rows]
    for position, row in enumerate(rows):
        band, column = divmod(position, columns)
        run = series.get(row.strategy, _NOTHING)
        _draw(drawing, row, run, inks[row.strategy], 2 * band + 1, column + 1)
        for panel in (2 * band + 1, 2 * band + 2):
            draw_marks(drawing, marks.get(row.strategy, ()), panel % 2 == 1, row=panel, col=column + 1)
    _set_axes(drawing, rows, series, bands, columns)
    _place(drawing, names, bands, columns)
    return drawing


def _draw(drawing: go.Figure, row: Medians, run: Series, ink: str, reads_row: int, column: int) -> None:
    at = {"row": reads_row, "col": column}
    time_s, reads = _steps(run, _in_last_second(run))
    line = {"color": ink, "width": 1}
    tip = "%{y:.4~g} reads in the last second<extra></extra>"
    drawing.add_scatter(
        x=time_s,
        y=reads,
        mode="lines",
        name="origin reads",
        line=line,
        fill="tozeroy",
        fillcolor=ink + "80",
        hovertemplate=tip,
        **at,
    )
    if run.highest_reads is not None:
        time_s, highest = _steps(run, _in_last_second(run, run.highest_reads))
        thin = {"color": ink, "width": 0.7, "dash": "dot"}
        drawing.add_scatter(
            x=time_s, y=highest, mode="lines", name="most of any repeat", line=thin, hoverinfo="skip", **at
        )
    # the exact peaks, from every read's own moment: the bins can only come near them
    for peak, dash in ((row.steady_peak_1s, "dash"), (row.cold_peak_1s or None, "dot")):
        if peak is not None:
            drawing.add_hline(y=peak, line={"color": ink, "width": 1.2, "dash": dash}, opacity=0.7, **at)
    at = {"row": reads_row + 1, "col": column}
    for name, values, style in (
        ("p50", run.p50_ms, {"width": 1.5, "dash": "dot"}),
        ("p99", run.p99_ms, {"width": 1.3}),
    ):
        time_s, latency_ms = _steps(run, np.where(values > 0, values, np.nan))
        tip = f"{name} %{{y:.3~g}} ms<extra></extra>"
        drawing.add_scatter(
            x=time_s, y=latency_ms, mode="lines", name=name, line={"color": ink, **style}, hovertemplate=tip, **at
        )


def _in_last_second(run: Series, reads: Floats | None = None) -> Floats:
    """Reads in the second that ends with each bin: the unit of the peak, so that the two can be compared by eye.

    A bin's own rate cannot: a herd of 60 within a bin of half a second is a rate of 120/s, twice its peak.
    """
    bins = max(1, round(1 / run.bin_s))
    of = run.origin_reads if reads is None else reads
    summed: Floats = np.convolve(of, np.ones(bins))[: len(of)]
    return summed / bins


def _steps(run: Series, values: Floats) -> tuple[Drawn, Drawn]:
    """The values with a point at both ends of every bin, so that a bin between two empty ones is a visible dash."""
    time_s = np.column_stack((run.time_s, run.time_s + run.bin_s)).ravel()
    return time_s.astype(np.float32), np.repeat(values, 2).astype(np.float32)


def _set_axes(
    drawing: go.Figure, rows: Sequence[Medians], series: Mapping[str, Series], bands: int, columns: int
) -> None:
    runs = [series[row.strategy] for row in rows if row.strategy in series]
    ends_s = [row.duration_s for row in rows] + [run.time_s[-1] + run.bin_s for run in runs if len(run.time_s)]
    tops = [row.origin_peak_1s for row in rows] + [_in_last_second(run).max(initial=0) for run in runs]
    tops += [_in_last_second(run, run.highest_reads).max(initial=0) for run in runs]
    drawing.update_xaxes(
        range=[0, float(max(ends_s))], matches="x", nticks=5, ticks="outside", tickcolor=FAINT, showgrid=False
    )
    drawing.update_yaxes(gridcolor=FAINT, zeroline=False, showticklabels=False)
    for band in range(bands):
        reads = {"row": 2 * band + 1}
        latency = {"row": 2 * band + 2}
        drawing.update_xaxes(showticklabels=False, **reads)
        drawing.update_xaxes(title={"text": "seconds", "standoff": 4}, **latency)
        # room above the highest peak
        drawing.update_yaxes(range=[0, 1.08 * max(1.0, *map(float, tops))], matches="y", rangemode="tozero", **reads)
        drawing.update_yaxes(
            # Logarithmic, because the three heights that matter are decades apart: a hit (about 2 ms), a read of the
            # origin (about 200 ms), a queue for the origin (seconds). On a linear axis one slow second would press
            # the hits and the p50 of every column onto the floor.
            type="log",
            range=_decades(runs),
            matches=f"y{columns + 1}",
            tickvals=[10.0**power for power in range(-2, 6)],
            ticktext=["0.01", "0.1", "1", "10", "100", "1,000", "10,000", "100,000"],
            **latency,
        )
        drawing.update_yaxes(title="origin reads/s", showticklabels=True, col=1, **reads)
        drawing.update_yaxes(title="latency (ms, log)", showticklabels=True, col=1, **latency)
    drawing.update_xaxes(matches=None, row=1, col=1)  # the axes that the others match match nothing
    drawing.update_yaxes(matches=None, row=1, col=1)
    drawing.update_yaxes(matches=None, row=2, col=1)


def _decades(runs: Sequence[Series]) -> list[float]:
    """The range of the latency axis as powers of ten, from 1 ms or below, over at least one decade."""
    seen = np.concatenate([[1.0], *(values[values > 0] for run in runs for values in (run.p50_ms, run.p99_ms))])
    low = math.floor(np.log10(seen.min()))
    return [float(low), max(low + 1.0, float(np.log10(1.5 * seen.max())))]


def _heading(row: Medians, run: Series | None, width: int) -> list[str]:
    """The strategy's name, in lines of at most `width` characters, and both peaks under it.

    A long name is broken after an underscore where it has one.
    """
    lines = [line.replace("_ ", "_") for line in textwrap.wrap(marked(row.strategy).replace("_", "_ "), width)]
    heading = [f"<b>{for_html(line)}</b>" for line in lines]
    steady = "nothing expired" if row.steady_peak_1s is None else f"steady peak <b>{row.steady_peak_1s:,}</b>"
    told = [steady, f"cold start <b>{row.cold_peak_1s:,}</b>"]
    if run is not None and row.repeats > 1:
        told.append(f"repeat {run.repeat} of {row.repeats}")
    heading += [f'<span style="font-size:12px">{line}</span>' for line in told]
    return heading if row.valid else [*heading, f'<span style="color:{BAD}">not valid</span>']


def _place(drawing: go.Figure, names: Sequence[Sequence[str]], bands: int, columns: int) -> None:
    """Sets the heights, so that a panel has the same pixels whatever the number of bands and the length of names."""
    above_px = HEADING_PX * max(map(len, names)) + 12
    band_px = READS_PX + GAP_PX + LATENCY_PX
    plot_px = bands * band_px + (bands - 1) * (above_px + BELOW_PX)
    for band in range(bands):
        top_px = plot_px - band * (band_px + above_px + BELOW_PX)
        reads = [(top_px - READS_PX) / plot_px, top_px / plot_px]
        latency = [(top_px - band_px) / plot_px, (top_px - band_px + LATENCY_PX) / plot_px]
        drawing.update_yaxes(domain=reads, row=2 * band + 1)
        drawing.update_yaxes(domain=latency, row=2 * band + 2)
    for position, lines in enumerate(names):
        band, column = divmod(position, columns)
        drawing.add_annotation(
            text="<br>".join(lines), x=0.5, xref="x domain", xanchor="center", y=1, yref="y domain", yanchor="bottom",
            yshift=4, showarrow=False, font={"size": 14, "color": INK}, row=2 * band + 1, col=column + 1,
        )  # fmt: skip
    drawing.update_layout(
        height=plot_px + above_px + BELOW_PX,
        margin={"l": 64, "r": 8, "t": above_px, "b": BELOW_PX},
        template="none",
        showlegend=False,
        hovermode="x",
        font=FONT,
    )
