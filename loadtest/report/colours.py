"""The lab's colours, the same in the report, the frontier and Grafana."""

from collections.abc import Collection, Iterable
from itertools import cycle

INK, FAINT, BAD = "#333A42", "#E4E7EA", "#B00020"
"""Colours of text, of grid lines, and of what is no result."""

PALETTE = ("#D55E00", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#8C6D31", "#8A8F98")
"""Okabe and Ito's colours, which the colour-blind can tell apart; the ninth strategy has the first one again.

A brown and a grey, which are seen on white and on black, stand for their yellow and their black.
"""


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
