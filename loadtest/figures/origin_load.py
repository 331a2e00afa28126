"""The origin's load in a run, counted from its ledger in chunks.

Reads are counted as asked, started, failed and shed; the peaks of the cold start and of the steady state are apart.
"""

from typing import Any

import numpy as np

from app.strategy import LoadReason
from loadtest.figures.records import FAILED, LOAD_REASON_NUMBERS, LOAD_REASONS, SHED, Floats, Integers, Reads
from loadtest.figures.stampedes import Stampedes

_WARM = LOAD_REASON_NUMBERS[LoadReason.WARM]


class SlidingPeak:
    """The most events in any window of `window_s` seconds, exactly, of events that come in order of time."""

    def __init__(self, window_s: float = 1.0) -> None:
        self._window_s = window_s
        self._tail = np.empty(0)
        self.most = 0

    def add(self, times_s: Floats) -> None:
        """Add events by their times in seconds, in order, none before those of the chunk before."""
        if not len(times_s):
            return
        known = np.concatenate((self._tail, times_s))
        # one of the busiest windows begins with an event
        inside = np.searchsorted(known, known + self._window_s, side="left") - np.arange(len(known))
        self.most = max(self.most, int(inside.max()))
        self._tail = known[known > known[-1] - self._window_s]


def sliding_peak(times_s: Floats, window_s: float = 1.0) -> int:
    """The most events in any window of `window_s` seconds, exactly, of events in any order."""
    peak = SlidingPeak(window_s)
    peak.add(np.sort(times_s))
    return peak.most


def over_time(times_s: Floats, start_s: float, bin_s: float, bins: int) -> Integers:
    """The events in each bin from `start_s` on, of events in any order; those beyond the bins are left out."""
    place = np.trunc((times_s - start_s) / bin_s)
    place = place[(place >= 0) & (place < bins)]  # none where a killed generator told no start
    return np.bincount(place.astype(np.int64), minlength=bins)


class OriginLoad:
    """The origin's side of a run whose load began at `start_s`.

    A read that got a connection was started, even where its request had given up by then. A read that waited until its
    pod ended was asked for and no more. Peaks count reads that were not shed, by the moment at which they were asked
    for.
    """

    def __init__(
        self, start_s: float, bin_s: float, bins: int, hot_keys: Integers, ttl_s: float, is_warmed: bool
    ) -> None:
        self._start_s, self._bin_s = start_s, bin_s
        self._over_time = np.zeros(bins, dtype=np.int64)
        self._reasons = np.zeros(len(LOAD_REASONS), dtype=np.int64)
        self.asked = self._started = self.failed = self._shed = self._cold = self._steady = 0
        self._peak, self._cold_peak, self._steady_peak = SlidingPeak(), SlidingPeak(), SlidingPeak()
        self._warm_peak = SlidingPeak()
        self._stampedes = Stampedes(hot_keys, ttl_s, is_warmed)

    def add(self, chunk: Reads) -> None:
        """Add a chunk of the ledger; chunks, and reads within them, are in order of asking."""
        let_in = chunk.only(chunk.outcome != SHED)
        is_started = ~np.isnan(let_in.started_s)
        self.asked += len(chunk.asked_s)
        self._shed += len(chunk.asked_s) - len(let_in.asked_s)
        self._started += int(is_started.sum())
        self.failed += int((is_started & (let_in.outcome == FAILED)).sum())
        self._reasons += np.bincount(let_in.reason[is_started], minlength=len(LOAD_REASONS))
        is_cold = self._stampedes.add(let_in)
        self._cold += int((is_cold & is_started).sum())
        self._steady += int((~is_cold).sum())
        self._peak.add(let_in.asked_s)
        self._warm_peak.add(let_in.asked_s[let_in.reason == _WARM])
        self._cold_peak.add(let_in.asked_s[is_cold])
        self._steady_peak.add(let_in.asked_s[~is_cold])
        self._over_time += over_time(let_in.asked_s, self._start_s, self._bin_s, len(self._over_time))

    def figures(self) -> dict[str, Any]:
        """The fields of a `RunSummary` that are about the origin."""
        return {
            "origin_asked": self.asked,
            "origin_reads": self._started,
            "origin_failed": self.failed,
            "origin_shed": self._shed,
            "origin_peak_1s": self._peak.most,
            "cold_reads": self._cold,
            "cold_peak_1s": self._cold_peak.most,
            "steady_peak_1s": self._steady_peak.most if self._steady else None,
            "warm_peak_1s": self._warm_peak.most or None,
            "reads_by_reason": {
                str(reason): int(count) for reason, count in zip(LOAD_REASONS, self._reasons, strict=True) if count
            },
            "stampedes": self._stampedes.figures(),
        }

    def per_second(self) -> Floats:
        """Reads per second that were not shed, in each bin from the start of the load."""
        return np.asarray(self._over_time / self._bin_s)
