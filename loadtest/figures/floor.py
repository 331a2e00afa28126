"""The fewest loads that could have answered the requests of a run, exactly, whatever the strategy.

A load can answer a request if it ends no later than the request does, and no longer before it was asked than the
strategy's promise (`Mechanism.oldest_s`): the request is an interval of time, from `intended_s - oldest_s` to
`ended_s`, and needs a load that ends in it. The fewest moments that meet every interval of a key are found by walking
through the intervals by their ends, and loading at the end of each that no earlier moment meets (interval stabbing;
Cormen et al., exercise 16.2-5). No assumption about arrivals, latencies or the run's length goes in, so that no run
that keeps its promise can read less; an answer that was older than promised counts as it was.
"""

import numpy as np

from loadtest.figures.records import Answers, Floats, Integers

HELD_S = 2.0
"""Answers may come out of order by so much; one that comes later than that is left out, which lowers the floor."""
HELD_MIN, HELD_MAX = 30_000, 500_000
"""Answers held back: fewer are not worth a walk, and more are not held, whatever their time."""
SLICE = 256
"""Answers looked at together at least."""
_OLDEST_S_MAX = 1e9


class Floor:
    """The fewest loads of one run. Feed it the answers chunk by chunk, about in order of their ends; it holds few."""

    def __init__(self, oldest_s: float, free_until_s: float = -np.inf) -> None:
        """`free_until_s`: every key may have been loaded up to then at no cost, in a warm-up; by default there was
        none, and the cache was empty."""
        self._oldest_s, self._free_until_s = min(max(0.0, oldest_s), _OLDEST_S_MAX), free_until_s
        self._loaded_s, self._first = np.empty(0), np.empty(0, dtype=np.int64)  # by key
        self._held: list[tuple[Floats, Floats, Integers]] = []
        self._held_count, self._newest_s, self._walked_s = 0, -np.inf, -np.inf
        self._reads = 0

    def add(self, chunk: Answers) -> None:
        good = (chunk.code == 200) | (chunk.code == 404)  # the item, or that there is none
        good &= chunk.ended_s >= self._walked_s
        ended_s, key = chunk.ended_s[good], chunk.key[good]
        if not len(key):
            return
        begun_s = chunk.intended_s[good] - np.fmax(chunk.age_s[good], self._oldest_s)
        self._held.append((begun_s, ended_s, key))
        self._held_count += len(key)
        self._newest_s = max(self._newest_s, float(ended_s.max()))
        if self._held_count > HELD_MIN:
            self._walk(self._newest_s - HELD_S)

    @property
    def reads(self) -> int:
        """Of all answers so far; nothing that ended before them may be added any more."""
        self._walk(np.inf)
        return self._reads

    def _walk(self, until_s: float) -> None:
        """Through all held intervals that end by then, and so many that no more than `HELD_MAX` are left."""
        if not self._held:
            return
        begun_s, ended_s, key = (np.concatenate(column) for column in zip(*self._held, strict=True))
        order = np.argsort(ended_s, kind="stable")
        begun_s, ended_s, key = begun_s[order], ended_s[order], key[order]
        size = int(np.searchsorted(ended_s, until_s, side="right"))
        size = max(size, len(ended_s) - HELD_MAX)
        self._held, self._held_count = [(begun_s[size:], ended_s[size:], key[size:])], len(ended_s) - size
        if not size:
            return
        self._walked_s = float(ended_s[size - 1])
        self._make_room(int(key.max()) + 1)
        at = 0
        while at < size:  # in chunks in which a key is loaded about once
            to = int(np.searchsorted(ended_s, ended_s[at] + self._oldest_s, side="left"))
            to = min(size, max(to, at + SLICE))
            self._stab(begun_s[at:to], ended_s[at:to], key[at:to])
            at = to

    def _stab(self, begun_s: Floats, ended_s: Floats, key: Integers) -> None:
        """Intervals in order of their ends: of each key the first that is not met yet is met at its end, until all
        are."""
        while True:
            unmet = begun_s > self._loaded_s[key]
            begun_s, ended_s, key = begun_s[unmet], ended_s[unmet], key[unmet]
            if not len(key):
                return
            places = np.arange(len(key))
            self._first[key[::-1]] = places[::-1]  # the last that is written stays: the first of each key
            firsts = self._first[key] == places
            self._loaded_s[key[firsts]] = ended_s[firsts]
            self._reads += int(firsts.sum())

    def _make_room(self, keys: int) -> None:
        if keys > len(self._loaded_s):
            more = np.full(keys - len(self._loaded_s), self._free_until_s)
            self._loaded_s = np.concatenate((self._loaded_s, more))
            self._first = np.zeros(len(self._loaded_s), dtype=np.int64)
