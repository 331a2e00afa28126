"""The look that all figures share: their font, their axes, and a ground that is the page's own."""

from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]

from loadtest.report.colours import FAINT, INK, PAPER, QUIET

FONT = {"family": "system-ui, -apple-system, Segoe UI, sans-serif", "size": 12, "color": INK}
"""The font of every figure."""
AXIS: dict[str, Any] = {
    "gridcolor": FAINT, "zeroline": False, "ticks": "outside", "ticklen": 4, "tickcolor": FAINT, "linecolor": FAINT,
}  # fmt: skip
CLEAR = "rgba(0,0,0,0)"


def set_look(drawing: go.Figure, height_px: float, margin: tuple[int, int, int, int], **layout: Any) -> None:
    """Sets the look of a figure, with its margins in pixels: left, right, top, bottom."""
    left, right, top, bottom = margin
    drawing.update_layout(**{
        "height": height_px, "margin": {"l": left, "r": right, "t": top, "b": bottom}, "template": "none",
        "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR, "font": FONT, "showlegend": False,
        "hoverlabel": {"align": "left", "bgcolor": PAPER, "bordercolor": QUIET, "font": {"color": INK}}, **layout,
    })  # fmt: skip


def add_heading(drawing: go.Figure, text: str, **at: Any) -> None:
    """Writes what a panel shows above it, where an axis title beside it would take width from a phone."""
    drawing.add_annotation(
        text=text, x=0, xref="x domain", xanchor="left", y=1, yref="y domain", yanchor="bottom", yshift=3,
        showarrow=False, font={"size": 11, "color": QUIET}, **at,
    )  # fmt: skip
