"""The lab's colours, the same in the report, the frontier and Grafana."""

from collections.abc import Collection, Iterable
from itertools import cycle

INK, QUIET, FAINT, BAD, PAPER = "#333A42", "#5A646E", "#E4E7EA", "#B00020", "#FFFFFE"
"""Colours of text, of text that is less important, of grid lines, of what is no result, and of the page."""

THEMED = {INK: "--ink", QUIET: "--quiet", FAINT: "--faint", BAD: "--bad", PAPER: "--paper"}
"""The colours of a figure that a page draws in its theme: those of `templates/style.css`, light or dark."""

PALETTE = ("#D55E00", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#8C6D31", "#8A8F98")
"""Okabe and Ito's colours, which the colour-blind can tell apart; the ninth strategy has the first one again.

A brown and a grey, which are seen on white and on black, stand for their yellow and their black.
"""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "hexagon", "pentagon", "x")
"""A symbol for each strategy of a chart, so that none is known by its colour alone."""


def colours(known: Iterable[str], shown: Collection[str]) -> dict[str, str]:
    """A colour for each strategy that is shown, by its place among those `known`, the baseline first.

    Whichever else is shown comes after all of them, so that no choice of strategies changes a colour.
    """
    placed = zip(dict.fromkeys((*known, *shown)), cycle(PALETTE), strict=False)
    return {name: colour for name, colour in placed if name in shown}


def rounds(known: Iterable[str]) -> list[list[str]]:
    """The strategies of each round through the palette, so that those of one colour can differ in another way."""
    names = list(dict.fromkeys(known))
    return [names[at : at + len(PALETTE)] for at in range(0, len(names), len(PALETTE))]
