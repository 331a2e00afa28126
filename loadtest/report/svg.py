"""Elements of SVG as text: numbers short, foreign text escaped, the same bytes each time."""

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

STYLE = """
svg{font:14px system-ui,-apple-system,"Segoe UI",sans-serif}
.page{fill:#fff}text{fill:#333a42}.dim{fill:#5a636d}.grid{stroke:#e4e7ea}.axis{stroke:#8a8f98}
@media(prefers-color-scheme:dark){.page{fill:#1b1f25}text{fill:#e2e6ea}.dim{fill:#aab2bb}.grid{stroke:#363c44}}
"""
"""Text and lines for light and dark. A page of its own colour keeps them readable on a site whose theme is another."""


def number(value: float) -> str:
    """The value with at most one decimal: a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0").replace("-0", "0" if abs(value) < 0.05 else "-0")


def element(name: str, content: str = "", /, **attributes: float | str) -> str:
    """An element; `_` in the name of an attribute stands for a hyphen, and one at its end for nothing."""
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(value if isinstance(value, str) else number(value))}"
        for key, value in attributes.items()
    )
    return f"<{name}{told}>{content}</{name}>" if content else f"<{name}{told}/>"


def text(words: str, x: float, y: float, anchor: str = "start", **attributes: float | str) -> str:
    return element("text", escape(words), **{"x": x, "y": y, "text_anchor": anchor, **attributes})


def line(x1: float, y1: float, x2: float, y2: float, **attributes: float | str) -> str:
    return element("path", "", d=f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", **attributes)


def steps(edges: Sequence[float], heights: Sequence[float]) -> str:
    """The path of a staircase: from edge to edge at each height, and a gap where a height is no number."""
    found, last = [], ""
    for left, right, y in zip(edges, edges[1:], heights, strict=False):
        if math.isnan(y):
            last = ""
            continue
        here = number(y)
        if not last:
            found.append(f"M{number(left)} {here}")
        elif here != last:
            found.append(f"V{here}")
        found.append(f"H{number(right)}")
        last = here
    return _without_repeats(found)


def _without_repeats(commands: Sequence[str]) -> str:
    """The commands, of which one that goes on in the same direction replaces the one before."""
    kept: list[str] = []
    for command in commands:
        if kept and command[0] == kept[-1][0] == "H":
            kept.pop()
        kept.append(command)
    return "".join(kept)


def document(title: str, description: str, width: float, height: float, elements: Iterable[str]) -> str:
    """The whole file; its title and its description are the text alternative."""
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'width="{number(width)}" height="{number(height)}" role="img" aria-labelledby="title description">'
    )
    told = element("title", escape(title), id="title") + element("desc", escape(description), id="description")
    page = element("rect", class_="page", width=width, height=height, rx=6.0)
    return "\n".join([opening, told, f"<style>{STYLE}</style>", page, *elements, "</svg>", ""])
