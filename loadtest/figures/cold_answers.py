"""The answers of the cold start, told apart from those of the steady state, as the reads of the origin are.

A request belongs to the *cold start* when it was meant for a moment before its key had been answered in this run. A key
counts as answered `STORED_WITHIN_S`, or half a TTL if that is less, after the end of its first good answer. Keys that a
warm-up loaded have no cold start. All other requests are the *steady state*.
"""

from typing import Any

import numpy as np

from app.strategy import Status
from loadtest.figures.histogram import Histogram
from loadtest.figures.records import STATUSES, Answers, Floats
from loadtest.figures.stampedes import STORED_WITHIN_S

_LOADS = (Status.MISS, Status.COLLAPSED, Status.ERROR)
_IS_LOAD = np.array([*(status in _LOADS for status in STATUSES), False])
"""Whether an answer of that status waited for a load, by its place in `STATUSES`; the last has no status."""


class ColdAnswers:
    """The cold start's answers of one run, counted in chunks; memory grows with the keys, not with the answers."""

    def __init__(self, ttl_s: float, is_warmed: bool) -> None:
        """Make a count without answers; with `is_warmed` every key was loaded before the run."""
        self._within_s = min(STORED_WITHIN_S, ttl_s / 2)
        self._unanswered_s = -np.inf if is_warmed else np.inf
        self._answered_s = np.empty(0)  # by key: the end of its first good answer
        self._latency = Histogram()
        self._requests = self._all = self._waited = self._all_waited = 0

    def add(self, chunk: Answers, latency_s: Floats) -> None:
        """Add a chunk of the answers, about in order of their ends."""
        waited = _IS_LOAD[chunk.status] | chunk.gave_up
        self._all += len(waited)
        self._all_waited += int(waited.sum())
        if not len(chunk.key) or self._unanswered_s < 0:
            return
        if (keys := int(chunk.key.max()) + 1) > len(self._answered_s):
            more = np.full(keys - len(self._answered_s), self._unanswered_s)
            self._answered_s = np.concatenate((self._answered_s, more))
        answered_s = self._answered_s[chunk.key]
        if np.isinf(answered_s).any():
            is_first = np.isinf(answered_s) & ((chunk.code == 200) | (chunk.code == 404))
            np.minimum.at(self._answered_s, chunk.key[is_first], chunk.ended_s[is_first])
            answered_s = self._answered_s[chunk.key]
        is_cold = chunk.intended_s <= answered_s + self._within_s
        if is_cold.any():
            self._requests += int(is_cold.sum())
            self._waited += int(waited[is_cold].sum())
            self._latency.add(latency_s[is_cold])

    def figures(self, latency: Histogram) -> dict[str, Any]:
        """The fields of a `RunSummary` that tell the two apart, by the latency of the whole run."""
        steady = latency.without(self._latency)
        left = self._all - self._requests
        return {
            "cold_requests": self._requests,
            "cold_p99_ms": _milliseconds(self._latency),
            "steady_p99_ms": _milliseconds(steady),
            "waited_share": round((self._all_waited - self._waited) / left, 5) if left else None,
        }


def _milliseconds(histogram: Histogram) -> float | None:
    return round(histogram.percentile_s(0.99) * 1000, 3) if len(histogram) else None
