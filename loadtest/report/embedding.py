"""A chart inside a page: its figure as data, and what stands for it where it cannot be seen.

The script that draws it is plotly.js's basic bundle, a quarter of what the Python package would embed
(`plotly_js/README.md`). The colours of the page's theme come from `templates/page.js`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go  # type: ignore[import-untyped]
import plotly.io  # type: ignore[import-untyped]
from markupsafe import Markup

SCRIPT = Path(__file__).with_name("plotly_js") / "plotly-basic.min.js"
plotly.io.json.config.default_engine = "json"
# else pages would have other bytes where orjson happens to be installed, as some contenders have it
TRACES = frozenset({"bar", "pie", "scatter"})
"""The kinds of trace that the basic bundle draws."""


class Chart(NamedTuple):
    """A chart of a page."""

    name: str
    """The id of its element."""
    label: str
    """Its accessible name."""
    told: str
    """The sentence that stands for it, computed from the same figures."""
    data: Markup
    """The figure as JSON that may stand in a page."""
    height_px: int


def chart(name: str, label: str, told: str, drawing: go.Figure) -> Chart:
    """The chart of a figure, whose height is set. Raises ValueError where the bundle cannot draw a trace."""
    if beyond := sorted({trace.type for trace in drawing.data} - TRACES):
        raise ValueError(f"traces of {', '.join(beyond)}: plotly.js's basic bundle draws {', '.join(sorted(TRACES))}")
    return Chart(name, label, told, as_data(json.loads(drawing.to_json())), round(drawing.layout.height))


def as_data(value: Mapping[str, Any]) -> Markup:
    """The value as JSON in which no text can end the element that holds it."""
    text = json.dumps(value, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def drawing_script() -> Markup:
    """The script that draws charts, as it was published."""
    return Markup(SCRIPT.read_text("utf-8"))
