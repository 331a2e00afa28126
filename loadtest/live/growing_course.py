"""The course of the run that is on, as events tell it: only the bins that have changed since the event before."""

from typing import Any

import numpy as np

from loadtest.figures.records import Floats
from loadtest.figures.run_summary import Series

COLUMNS = ("reads", "p50", "p99")
Bin = tuple[float, float | None, float | None]
"""Origin reads in the last second, and the latencies p50 and p99 in ms; None without an answer."""


class GrowingCourse:
    """A course that grows. Late answers change bins that were sent before; all from the first of these is sent anew."""

    def __init__(self) -> None:
        self._bin_s = 1.0
        self._bins: list[Bin] = []
        self._changed = 0

    def take(self, course: Series) -> None:
        """Take the course as it is now."""
        bins = list(
            zip(map(_of, course.in_last_second()), map(_known, course.p50_ms), map(_known, course.p99_ms), strict=True)
        )
        alike = (number for number, pair in enumerate(zip(self._bins, bins, strict=False)) if pair[0] != pair[1])
        self._changed = next(alike, min(len(self._bins), len(bins)))
        self._bins, self._bin_s = bins, course.bin_s

    def gained(self, place: int | None) -> dict[str, Any] | None:
        """The bins that the last `take` has changed, of the strategy at that place; None where no run is on."""
        return self._told(place, self._changed)

    def all(self, place: int | None) -> dict[str, Any] | None:
        """The whole course."""
        return self._told(place, 0)

    def _told(self, place: int | None, first: int) -> dict[str, Any] | None:
        if place is None:
            return None
        columns = {name: [one[number] for one in self._bins[first:]] for number, name in enumerate(COLUMNS)}
        return {"place": place, "bin_s": self._bin_s, "from": first, **columns}


def _of(reads: Floats) -> float:
    return round(float(reads), 2)


def _known(latency_ms: Floats) -> float | None:
    return float(f"{latency_ms:.4g}") if np.isfinite(latency_ms) and latency_ms > 0 else None
