"""Stampedes and cold starts, told apart from the reads in the ledger.

A stampede of a key begins with a read that is asked for while no other of that key is under way. It holds all reads
that are asked for until none is. Its size is the number of reads, so that 1 is none.

A read belongs to the *cold start* when it is asked for before its key has been loaded in this run. A key counts as
loaded `STORED_WITHIN_S`, or half a TTL if that is less, after the end of its first good read. All other reads are the
*steady state*: they come after an expiry, or refresh an entry before one. Keys that a warm-up loaded have no cold
start.

A stampede is a cold start when its first read is one. The others are of hot keys, which are asked for while they are
being loaded, or of cold ones.

A read that was shed is neither: it was never under way.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from loadtest.figures.records import OK, Integers, Reads

KINDS = ("hot", "cold", "cold_start")
STORED_WITHIN_S = 0.1
"""Seconds from a read's end until no pod misses its entry any more, on a machine that is busy with a cold start."""


class Stampedes:
    """The sizes of stampedes by kind; memory grows with the keys, not with the reads."""

    def __init__(self, hot_keys: Integers, ttl_s: float, is_warmed: bool) -> None:
        """Make a count without reads; with `is_warmed` every key was loaded before the run."""
        self._hot = frozenset(hot_keys.tolist())
        self._is_warmed = is_warmed
        self._stored_within_s = min(STORED_WITHIN_S, ttl_s / 2)
        self._loaded_s: dict[int, float] = {}  # the earliest end of a good read, by key
        self._open: dict[int, tuple[float, int, bool]] = {}  # end, size and whether it is cold, by key
        self._sizes: dict[str, Counter[int]] = {kind: Counter() for kind in KINDS}

    def add(self, chunk: Reads) -> NDArray[np.bool_]:
        """Add reads that were not shed, in order of asking, and tell which of them belong to the cold start."""
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
        """The number, mean size, p99 and largest size of the stampedes of each kind."""
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
