"""HDR histograms fed with whole arrays: three significant digits from a microsecond to an hour, in little memory.

They merge without loss over processes and repeats, which percentiles do not.
"""

import math

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3
EXACT_BITS = 11
"""Values below 2^11 us are kept exactly; above, to a relative 2^-10."""


class Histogram:
    """Durations."""

    def __init__(self) -> None:
        self._counts = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)

    def __len__(self) -> int:
        return int(self._counts.get_total_count())

    def add(self, seconds: NDArray[np.float64]) -> None:
        """Durations in seconds; below 0 counts as 0, beyond an hour as an hour. One call per piece, not per value."""
        microseconds = np.rint(np.clip(seconds, 0, HIGHEST_US / 1e6) * 1e6).astype(np.int64)
        # to the histogram's own resolution first, so that each of its buckets is counted in one call
        _, exponent = np.frexp(microseconds.astype(np.float64))
        dropped_bits = np.maximum(exponent - EXACT_BITS, 0)
        values, counts = np.unique((microseconds >> dropped_bits) << dropped_bits, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._counts.record_value(value, count)

    def merge(self, other: "Histogram") -> None:
        """Count all that `other` counted."""
        self._counts.add(other._counts)

    def percentile_s(self, share: float) -> float:
        """The smallest duration that at least `share` of all are not above; 0 for none."""
        if not len(self):
            return 0.0
        # what the library's own loop over its buckets comes to, in a hundredth of the time
        rank = max(1, math.ceil(share * len(self) - 1e-9))
        bucket = int(np.searchsorted(np.cumsum(np.asarray(self._counts.counts)), rank))
        return float(self._counts.get_highest_equivalent_value(self._counts.get_value_from_index(bucket)) / 1e6)

    def share_above(self, seconds: float) -> float:
        """Of all, those longer than this."""
        if not len(self):
            return 0.0
        above = sum(
            bucket.count_added_in_this_iter_step
            for bucket in self._counts.get_recorded_iterator()
            if bucket.value_iterated_to > seconds * 1e6
        )
        return float(above / len(self))

    def encoded(self) -> str:
        """HdrHistogram's own compressed text, which its tools in any language read."""
        return str(self._counts.encode().decode("ascii"))

    @staticmethod
    def decoded(text: str) -> "Histogram":
        """What `encoded` wrote."""
        histogram = Histogram()
        histogram._counts = HdrHistogram.decode(text.encode("ascii"))
        return histogram
