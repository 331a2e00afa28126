"""Herds and cold starts, from the ledger: which reads of a key belong together, and which of them come before the
key was in the cache at all.

A stampede is what happens to one key from the first read that is asked for while none of it is under way, to the last
that began before all had ended. Its size is the number of reads; 1 is none.

A read belongs to the *cold start* when it is asked for before its key has been loaded in this run: before the first
read of the key that ended well has ended, plus `STORED_WITHIN_S` for its entry to get into the cache, at most half a
TTL. All other reads are the *steady state*: they come after an expiry, or before one. Keys that a warm-up loaded have
no cold start; their first read in the run follows an expiry like any other. A stampede is a cold start when its first
read is one; of the others, those of hot keys (asked for while they are being loaded) are told from those of cold ones.

A read that was turned away (`shed`) is neither: it was never under way.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from loadtest.figures.records import OK, Integers, Reads

KINDS = ("hot", "cold", "cold_start")
STORED_WITHIN_S = 0.1
"""From a read's end until no pod misses its entry any more, on a machine that is busy with a cold start."""


class Stampedes:
    """Sizes by kind. Memory grows with the keys, not with the reads."""

    def __init__(self, hot_keys: Integers, ttl_s: float, is_warmed: bool) -> None:
        """With `is_warmed` every key was loaded before the run."""
        self._hot = frozenset(hot_keys.tolist())
        self._is_warmed = is_warmed
        self._stored_within_s = min(STORED_WITHIN_S, ttl_s / 2)
        self._loaded_s: dict[int, float] = {}  # by key: the earliest end of a read that ended well
        self._open: dict[int, tuple[float, int, bool]] = {}  # by key: when it ends, its size, whether it is cold
        self._sizes: dict[str, Counter[int]] = {kind: Counter() for kind in KINDS}

    def add(self, chunk: Reads) -> NDArray[np.bool_]:
        """Reads that were let in, in order of asking. Which of them belong to the cold start."""
        cold = np.zeros(len(chunk.asked_s), dtype=np.bool_)
        columns = (chunk.asked_s.tolist(), chunk.ended_s.tolist(), chunk.key.tolist(), chunk.outcome.tolist())
        for place, (asked_s, ended_s, key, outcome) in enumerate(zip(*columns, strict=True)):
            loaded_s = self._loaded_s.get(key, np.inf)
            cold[place] = is_cold = not self._is_warmed and asked_s <= loaded_s + self._stored_within_s
            if outcome == OK and ended_s < loaded_s:
                self._loaded_s[key] = ended_s
            ends_s, size, began_cold = self._open.get(key, (-np.inf, 0, is_cold))
            if asked_s > ends_s:
                self._close(key, size, began_cold)
                size, began_cold = 0, is_cold
            self._open[key] = (max(ends_s, ended_s), size + 1, began_cold)
        return cold

    def figures(self) -> dict[str, dict[str, float]]:
        """By kind: how many, their mean size, the size that 99 % do not exceed, and the largest."""
        for key, (_, size, began_cold) in self._open.items():
            self._close(key, size, began_cold)
        self._open.clear()
        return {kind: _described(sizes) for kind, sizes in self._sizes.items() if sizes}

    def _close(self, key: int, size: int, began_cold: bool) -> None:
        if size:
            self._sizes["cold_start" if began_cold else "hot" if key in self._hot else "cold"][size] += 1


def _described(sizes: Counter[int]) -> dict[str, float]:
    count = sizes.total()
    ordered = sorted(sizes.items())
    seen, p99 = 0, ordered[-1][0]
    for size, times in ordered:
        seen += times
        if seen >= 0.99 * count:
            p99 = size
            break
    mean = sum(size * times for size, times in ordered) / count
    return {"count": count, "mean": round(mean, 3), "p99": p99, "max": ordered[-1][0]}
