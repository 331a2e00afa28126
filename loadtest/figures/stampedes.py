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

import math
from collections import Counter
from dataclasses import dataclass

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
        self._of: dict[int, _ReadsOfKey] = {}
        self._sizes: dict[str, Counter[int]] = {kind: Counter() for kind in KINDS}

    def add(self, chunk: Reads) -> NDArray[np.bool_]:
        """Add reads that were not shed, in order of asking, and tell which of them belong to the cold start."""
        cold = np.zeros(len(chunk.asked_s), dtype=np.bool_)
        known, within_s, is_warmed = self._of, self._stored_within_s, self._is_warmed
        columns = (chunk.asked_s.tolist(), chunk.ended_s.tolist(), chunk.key.tolist(), chunk.outcome.tolist())
        for place, (asked_s, ended_s, key, outcome) in enumerate(zip(*columns, strict=True)):
            of = known.get(key)
            if of is None:
                of = known[key] = _ReadsOfKey()
            is_cold = not is_warmed and asked_s <= of.loaded_s + within_s
            if is_cold:
                cold[place] = True
            if outcome == OK and ended_s < of.loaded_s:
                of.loaded_s = ended_s
            if asked_s > of.ends_s:
                self._close(key, of)
                of.size, of.began_cold = 0, is_cold
            of.size += 1
            of.ends_s = max(of.ends_s, ended_s)
        return cold

    def figures(self) -> dict[str, dict[str, float]]:
        """The number, mean size, p99 and largest size of the stampedes of each kind."""
        for key, of in self._of.items():
            self._close(key, of)
            of.size = 0
        return {kind: _described(sizes) for kind, sizes in self._sizes.items() if sizes}

    def _close(self, key: int, of: "_ReadsOfKey") -> None:
        if of.size:
            self._sizes["cold_start" if of.began_cold else "hot" if key in self._hot else "cold"][of.size] += 1


@dataclass(slots=True)
class _ReadsOfKey:
    """The reads of one key so far, and its stampede under way."""

    loaded_s: float = math.inf
    """The earliest end of a good read."""
    ends_s: float = -math.inf
    """The latest end of any read."""
    size: int = 0
    began_cold: bool = False


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
