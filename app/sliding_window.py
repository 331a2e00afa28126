"""Counting in a sliding window that is estimated from two fixed ones: the last whole one and the one that runs."""

import math
from dataclasses import dataclass
from typing import Self

WINDOW_S_MIN, WINDOW_S_MAX = 0.1, 86_400.0
"""The bounds of a window's length, seconds."""


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """A window of `length_s` seconds up to now, estimated from counts of fixed windows of that length.

    The window before the current one counts by the share of it that the sliding window still covers, as if its
    accesses were spread evenly. So for an even rate the estimate is exact. A burst is forgotten up to one length too
    early or too late.
    """

    length_s: float

    @classmethod
    def of(cls, length_s: float) -> Self:
        """The window of that length. Raises ValueError naming the bound."""
        if not WINDOW_S_MIN <= length_s <= WINDOW_S_MAX:
            raise ValueError(f"window_s must be from {WINDOW_S_MIN:g} to {WINDOW_S_MAX:g} seconds, not {length_s!r}")
        return cls(length_s)

    def number(self, now_s: float) -> int:
        """The number of the fixed window that runs."""
        return math.floor(now_s / self.length_s)

    def estimate(self, before: float, current: float, now_s: float) -> float:
        """The accesses within the last `length_s` seconds, of those in the window before and in the one that runs."""
        over = now_s / self.length_s - self.number(now_s)
        return before * (1.0 - over) + current
