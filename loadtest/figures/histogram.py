"""Histograms of durations, from a microsecond to an hour, in the buckets of HdrHistogram and in one array.

The library of that name counts one value a call, and the image that sends the load lacks its C part.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

from loadtest.figures.records import Floats, Integers

HIGHEST_US = 3_600_000_000
EXACT_BITS = 11
"""Values below 2^11 us are kept exactly; above, to a relative 2^-10: three significant digits."""
WAITING_MAX = 1_024
"""The number of single durations that are counted together."""
_MANTISSA_BITS = 52


class Histogram:
    """Durations counted in buckets, in `rows` separate histograms; values below 2^`bits` us are exact."""

    def __init__(self, rows: int = 1, bits: int = EXACT_BITS) -> None:
        self._bits, self._waiting = bits, array("d")
        highest, dropped = HIGHEST_US, max(0, HIGHEST_US.bit_length() - bits)
        self._counts = np.zeros((rows, (dropped << (bits - 1)) + (highest >> dropped) + 1), dtype=np.int64)

    def __len__(self) -> int:
        self._sort_in()
        return int(self._counts.sum())

    def without(self, other: "Histogram") -> "Histogram":
        """The durations that the other histogram, which is of some of them, does not hold."""
        self._sort_in()
        other._sort_in()
        left = Histogram(len(self._counts), self._bits)
        left._counts = self._counts - other._counts
        return left

    def add(self, seconds: Floats, rows: Integers | int = 0) -> None:
        """Count durations in seconds, each in its row; below 0 counts as 0, beyond an hour as an hour."""
        microseconds = np.clip(seconds, 0, HIGHEST_US / 1e6)
        microseconds *= 1e6
        np.rint(microseconds, out=microseconds)
        dropped = microseconds.view(np.int64) >> _MANTISSA_BITS  # a float's own exponent, as frexp has it + 1022
        dropped -= 1022 + self._bits
        np.maximum(dropped, 0, out=dropped)
        bucket = microseconds.astype(np.int64)
        bucket >>= dropped
        dropped <<= self._bits - 1
        bucket += dropped
        if len(self._counts) > 1:
            bucket += rows * self._counts.shape[1]
        np.add.at(self._counts.reshape(-1), bucket, 1)

    def add_one(self, seconds: float) -> None:
        """Count one duration in the first row; a thousand are sorted in together, which makes one cost 0.1 us."""
        self._waiting.append(seconds)
        if len(self._waiting) >= WAITING_MAX:
            self._sort_in()

    def _sort_in(self) -> None:
        waiting, self._waiting = self._waiting, array("d")
        self.add(np.asarray(waiting))

    def percentiles_s(self, share: float) -> Floats:
        """The smallest duration, in seconds, that at least `share` of a row do not exceed, by row; NaN for none."""
        self._sort_in()
        below = np.cumsum(self._counts, axis=1)
        rank = np.maximum(1, np.ceil(share * below[:, -1] - 1e-9))
        bucket = np.sum(below < rank[:, None], axis=1)
        dropped = np.maximum((bucket >> (self._bits - 1)) - 1, 0)
        highest_us = ((bucket - (dropped << (self._bits - 1)) + 1) << dropped) - 1  # the highest value of the bucket
        found: NDArray[np.float64] = np.where(below[:, -1] > 0, highest_us / 1e6, np.nan)
        return found

    def percentile_s(self, share: float) -> float:
        """The percentile of the first row in seconds; 0 for none."""
        return float(np.nan_to_num(self.percentiles_s(share)[0]))
