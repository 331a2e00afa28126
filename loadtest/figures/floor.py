"""The fewest loads that could have answered the requests of a run, exactly, whatever the strategy.

A load can answer a request if it ends no later than the request does. It must also end no longer before the request was
sent than the strategy promises while no load fails (`Mechanism.oldest_while_well_s`). So a request is an interval that
begins so long before `intended_s`, ends at `ended_s`, and needs a load that ends in it.

The fewest moments that meet every interval of a key come from a walk through the intervals by their ends. Each that no
earlier moment meets gets a load at its end (interval stabbing; Cormen et al., exercise 16.2-5).

Arrivals, latencies and the run's length need no assumption, so that no run that keeps its promise can read less. An
answer that was older than promised counts as old as it was.
"""

import numpy as np

from loadtest.figures.records import Answers, Floats, Integers

HELD_S = 2.0
"""Seconds by which answers may come out of order; one that comes later is left out, which lowers the floor."""
HELD_MIN, HELD_MAX = 30_000, 1_000_000
"""Answers held back: a walk is not worth fewer, and more are not held, whatever their time."""
SLICE = 256
"""The fewest answers that are looked at together."""
_OLDEST_S_MAX = 1e9


class Floor:
    """The fewest loads of one run, counted from its answers in chunks, about in order of their ends; few are held."""

    def __init__(self, oldest_s: float, free_until_s: float = -np.inf) -> None:
        """Make an empty floor; every key may have been loaded up to `free_until_s` at no cost, in a warm-up."""
        self._oldest_s, self._free_until_s = min(max(0.0, oldest_s), _OLDEST_S_MAX), free_until_s
        self._loaded_s, self._first = np.empty(0), np.empty(0, dtype=np.int64)  # by key
        self._held: list[tuple[Floats, Floats, Integers]] = []
        self._held_count, self._walk_at_count = 0, HELD_MIN
        self._newest_s, self._walked_s = -np.inf, -np.inf
        self._reads = 0

    def add(self, chunk: Answers) -> None:
        good = (chunk.code == 200) | (chunk.code == 404)  # the item, or its absence
        good &= chunk.ended_s >= self._walked_s
        if not good.any():
            return
        self._newest_s = max(self._newest_s, float(chunk.ended_s.max(where=good, initial=-np.inf)))
        self._make_room(int(chunk.key.max(where=good, initial=0)) + 1)
        begun_s = chunk.intended_s - np.fmax(chunk.age_s, self._oldest_s)
        # What a load meets already is met for good, since the walk only goes on: most answers need not be held at all.
        # A key that is not good may lie beyond the last, and is not looked at.
        good[good] = begun_s[good] > self._loaded_s[chunk.key[good]]
        self._held.append((begun_s[good], chunk.ended_s[good], chunk.key[good]))
        self._held_count += len(self._held[-1][0])
        if self._held_count > self._walk_at_count:
            self._walk(self._newest_s - HELD_S)
            # each walk sorts all that is held: twice as much must have come before the next, or it would be quadratic
            self._walk_at_count = min(HELD_MAX, max(HELD_MIN, 2 * self._held_count))

    @property
    def reads(self) -> int:
        """The fewest loads of all answers so far; after this, none that ended before them may be added."""
        self._walk(np.inf)
        return self._reads

    def _walk(self, until_s: float) -> None:
        """Count the loads of held intervals that end by then, and of as many more as exceed half of `HELD_MAX`."""
        if not self._held:
            return
        begun_s, ended_s, key = (np.concatenate(column) for column in zip(*self._held, strict=True))
        order = np.argsort(ended_s, kind="stable")
        begun_s, ended_s, key = begun_s[order], ended_s[order], key[order]
        size = int(np.searchsorted(ended_s, until_s, side="right"))
        size = max(size, len(ended_s) - HELD_MAX // 2)
        self._held, self._held_count = [(begun_s[size:], ended_s[size:], key[size:])], len(ended_s) - size
        if not size:
            return
        self._walked_s = float(ended_s[size - 1])
        at = 0
        while at < size:  # in slices in which a key is loaded about once
            to = int(np.searchsorted(ended_s, ended_s[at] + self._oldest_s, side="left"))
            to = min(size, max(to, at + SLICE))
            self._stab(begun_s[at:to], ended_s[at:to], key[at:to])
            at = to

    def _stab(self, begun_s: Floats, ended_s: Floats, key: Integers) -> None:
        """Count the loads of intervals in order of their ends, each at the end of a key's first unmet one."""
        while True:
            unmet = begun_s > self._loaded_s[key]
            begun_s, ended_s, key = begun_s[unmet], ended_s[unmet], key[unmet]
            if not len(key):
                return
            places = np.arange(len(key))
            self._first[key[::-1]] = places[::-1]  # reversed, because the last write stays: the first of each key
            firsts = self._first[key] == places
            self._loaded_s[key[firsts]] = ended_s[firsts]
            self._reads += int(firsts.sum())

    def _make_room(self, keys: int) -> None:
        if keys > len(self._loaded_s):
            more = np.full(keys - len(self._loaded_s), self._free_until_s)
            self._loaded_s = np.concatenate((self._loaded_s, more))
            self._first = np.zeros(len(self._loaded_s), dtype=np.int64)
