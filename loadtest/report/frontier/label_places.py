"""The places of names beside points: each where it covers no point and no other name, if there is such a place."""

import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH_PX, HEIGHT_PX = 820, 390
"""The size of the panel that names are placed for."""
CHAR_PX, LINE_PX, POINT_PX = 7.0, 15.0, 12.0
SIDES = {"middle right": (1, 0), "top center": (0, -1), "bottom center": (0, 1), "middle left": (-1, 0),
         "top right": (1, -1), "bottom right": (1, 1), "top left": (-1, -1), "bottom left": (-1, 1)}  # fmt: skip
"""The places that plotly knows, the preferred first, with the direction of each."""


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def shared(self, other: "_Box") -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


def label_places(
    names: Sequence[str], x: Sequence[float], y: Sequence[float], arrows: Sequence[tuple[int, int]] = ()
) -> list[str]:
    """A place for each name, whose point is at x and y of linear axes that end a little beyond all points.

    An arrow leads from one point to another, by their numbers.
    """
    pixels = list(zip(_pixels(x, WIDTH_PX), (HEIGHT_PX - one for one in _pixels(y, HEIGHT_PX)), strict=True))
    taken = [_Box(a - POINT_PX, b - POINT_PX, a + POINT_PX, b + POINT_PX) for a, b in pixels]
    lines = [box for start, end in arrows for box in _along(pixels[start], pixels[end])]
    found = [""] * len(names)
    for place in sorted(range(len(names)), key=lambda one: pixels[one]):
        boxes = {side: _box(names[place], *pixels[place], *way) for side, way in SIDES.items()}
        others = [box for number, box in enumerate(taken) if number != place] + lines
        found[place] = min(boxes, key=lambda side: _covered(boxes[side], others))
        taken.append(boxes[found[place]])
    return found


def _along(start: tuple[float, float], end: tuple[float, float]) -> list[_Box]:
    """Small boxes along the line between two points."""
    steps = max(1, round(math.dist(start, end) / LINE_PX))
    at = [[a + (b - a) * step / steps for a, b in zip(start, end, strict=True)] for step in range(1, steps)]
    return [_Box(x - 4, y - 4, x + 4, y + 4) for x, y in at]


def _covered(box: _Box, others: Sequence[_Box]) -> float:
    outside = max(0.0, -box.left, box.right - WIDTH_PX - 10) + max(0.0, -box.top, box.bottom - HEIGHT_PX)
    return sum(map(box.shared, others)) + outside * LINE_PX


def _pixels(values: Sequence[float], size: float) -> list[float]:
    low, high = min(values), max(values)
    spare = max(0.06 * (high - low), (1 - (high - low)) / 2, 0.1)
    return [size * (value - low + spare) / (high - low + 2 * spare) for value in values]


def _box(name: str, x: float, y: float, right: int, down: int) -> _Box:
    width, far = CHAR_PX * len(name), POINT_PX + 1
    middle_x = x + right * (far + width / 2 if not down else width / 2 + 4)
    middle_y = y + down * (far + LINE_PX / 2)
    return _Box(middle_x - width / 2, middle_y - LINE_PX / 2, middle_x + width / 2, middle_y + LINE_PX / 2)
