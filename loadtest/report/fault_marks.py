"""Marks of a run's faults in a chart over time, from their real moments where those are known."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go  # type: ignore[import-untyped]

from loadtest.figures.run_summary import RunSummary
from loadtest.report.colours import BAD
from loadtest.report.quoting import for_html
from loadtest.report.workload_in_words import FAULTS_MAX
from loadtest.workload.scenario import Scenario


class FaultMark(NamedTuple):
    """A fault in a chart: from its beginning to its end, in seconds from the load's start."""

    what: str
    began_s: float
    ended_s: float | None
    """None for a fault of a single moment."""


def fault_marks(row: RunSummary, scenario: Scenario) -> list[FaultMark]:
    """The faults that the run met, at most `FAULTS_MAX`; those that the scenario states where no moment is known."""
    met = [
        FaultMark(str(one["what"]).partition(" ")[0], one["began_s"], one["ended_s"]) for one in row.planned_faults
    ] or [
        FaultMark(fault.kind, fault.at_s, fault.at_s + for_s if (for_s := getattr(fault, "for_s", None)) else None)
        for fault in scenario.faults
    ]
    return met[:FAULTS_MAX]


def draw_marks(drawing: go.Figure, marks: Sequence[FaultMark], is_named: bool, **at: Any) -> None:
    """Draws each fault as a band, or as a line where it is of one moment, into the panel `at` that row and col."""
    for mark in marks:
        if mark.ended_s is not None:
            drawing.add_vrect(
                x0=mark.began_s, x1=mark.ended_s, fillcolor=BAD, opacity=0.12, line_width=0, layer="below", **at
            )
        else:
            drawing.add_vline(x=mark.began_s, line={"color": BAD, "width": 1}, opacity=0.5, **at)
        if is_named:
            drawing.add_annotation(
                x=mark.began_s, y=0.99, yref="y domain", text=for_html(mark.what), textangle=-90, showarrow=False,
                xanchor="left", yanchor="top", font={"size": 10, "color": BAD}, **at,
            )  # fmt: skip
