"""How many loads one expiry costs: the reads of a key that were under way together, or followed each other.

A stampede is what happens to one key from the first read that is asked for while none of it is under way, to the last
that began before all had ended. Its size is the number of reads; 1 is none. A key's first is its cold start; of the
others, those of hot keys (asked for while they are being loaded) are told from those of cold ones.
"""

from collections import Counter

from loadtest.records import Integers, Reads

KINDS = ("hot", "cold", "cold_start")


class Stampedes:
    """Sizes by kind. Memory grows with the keys, not with the reads."""

    def __init__(self, hot_keys: Integers) -> None:
        self._hot = frozenset(hot_keys.tolist())
        self._open: dict[int, tuple[float, int]] = {}  # by key: when its last read ends, and how many there are
        self._started: set[int] = set()
        self._sizes: dict[str, Counter[int]] = {kind: Counter() for kind in KINDS}

    def add(self, piece: Reads) -> None:
        """Reads in order of asking."""
        for asked_s, ended_s, key in zip(
            piece.asked_s.tolist(), piece.ended_s.tolist(), piece.key.tolist(), strict=True
        ):
            ends_s, size = self._open.get(key, (-1.0, 0))
            if asked_s > ends_s:
                self._close(key, size)
                size = 0
            self._open[key] = (max(ends_s, ended_s), size + 1)

    def figures(self) -> dict[str, dict[str, float]]:
        """By kind: how many, their mean size, the size that 99 % do not exceed, and the largest."""
        for key, (_, size) in self._open.items():
            self._close(key, size)
        self._open.clear()
        return {kind: _described(sizes) for kind, sizes in self._sizes.items() if sizes}

    def _close(self, key: int, size: int) -> None:
        if size == 0:
            return
        kind = "cold_start" if key not in self._started else "hot" if key in self._hot else "cold"
        self._started.add(key)
        self._sizes[kind][size] += 1


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
