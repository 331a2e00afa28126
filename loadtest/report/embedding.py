"""A chart inside a page, with the script that draws it.

The script is plotly.js's basic bundle, a quarter of what the Python package would embed (`plotly_js/README.md`).
"""

from pathlib import Path

import plotly.graph_objects as go  # type: ignore[import-untyped]
import plotly.io  # type: ignore[import-untyped]

SCRIPT = Path(__file__).with_name("plotly_js") / "plotly-basic.min.js"
plotly.io.json.config.default_engine = "json"
# else pages would have other bytes where orjson happens to be installed, as some contenders have it
TRACES = frozenset({"bar", "pie", "scatter"})
"""The kinds of trace that the basic bundle draws."""


def embedded(drawing: go.Figure, name: str = "chart", brings_script: bool = True) -> str:
    """The figure as HTML under that id, with all the script that it needs, unless the page has that.

    Raises ValueError where the bundle cannot draw a trace.
    """
    if beyond := sorted({trace.type for trace in drawing.data} - TRACES):
        raise ValueError(f"traces of {', '.join(beyond)}: plotly.js's basic bundle draws {', '.join(sorted(TRACES))}")
    settings = {"displaylogo": False, "responsive": True, "displayModeBar": False}
    drawn: str = drawing.to_html(settings, full_html=False, include_plotlyjs=False, div_id=name)
    return drawn if not brings_script else f"<script>{SCRIPT.read_text('utf-8')}</script>\n{drawn}"
