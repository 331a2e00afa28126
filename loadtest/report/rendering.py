"""The pages of the lab, made from `templates/`. A page is one file that needs no network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from loadtest.figures.plain_text import plain
from loadtest.report.colours import THEMED
from loadtest.report.embedding import Chart, as_data, drawing_script
from loadtest.report.marks import marked


class CellShown(NamedTuple):
    """A cell of a table: a figure, and the interval below it; empty where there is none."""

    text: str
    interval: str


class Line(NamedTuple):
    """A line of a table: a strategy and its figures."""

    name: str
    cells: Sequence[str | CellShown]
    colour: str
    is_bad: bool
    note: str = ""
    """Words beside the name, such as how many of its runs are valid."""


def render(template: str, charts: Sequence[Chart | None] = (), **stated: Any) -> str:
    """The page that a template makes of what is stated; all text in it is made plain and escaped.

    The page has the script that draws charts where one of these `charts` is there; the template places each.
    """
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else plain(str(value)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["ticked"] = _ticked
    pages.filters["marked"] = marked
    pages.filters["breakable"] = lambda name: Markup("_<wbr>").join(plain(name).split("_"))
    pages.filters["in_lines"] = escape  # text of the lab itself, such as code: its spaces and ends of lines stay
    draws = any(one is not None for one in charts)
    known = {"script": drawing_script() if draws else "", "themed": as_data(THEMED)}
    return pages.get_template(template).render(known | stated)


def _ticked(text: str) -> Markup:
    """The text with what stands between backticks as code."""
    parts = plain(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(one) if place % 2 else one for place, one in enumerate(parts)
    )
