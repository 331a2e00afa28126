"""Answers that a write had overtaken: readers were told what had been so before.

An answer is overtaken when a write of its item was over before it was asked for, and had begun after the item was read.
It is no wrong answer: a cache promises an age, and not that nothing has changed since. The moment of reading is taken
to be as late as it can have been, so that no answer is accused by a network's delay.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from loadtest.figures.histogram import Histogram
from loadtest.figures.records import Answers, Floats, Integers, Writes

NOT_ASKED: dict[str, Any] = {"writes": None, "overtaken_share": None, "overtaken_p99_s": None}
"""The figures of a run whose items are not written."""


class Overtaken:
    """The answers of one run that a write had overtaken; a chunk of writes comes before the answers that it may be for.

    Memory grows with the writes, not with the answers.
    """

    def __init__(self) -> None:
        self._writes = self._aged = self._overtaken = 0
        self._since = Histogram()
        self._chunks: defaultdict[int, list[tuple[Floats, Floats]]] = defaultdict(list)
        """The beginnings and ends of the writes of each item, in order."""

    def add_writes(self, chunk: Writes) -> None:
        """Add writes, in order of their beginnings."""
        self._writes += len(chunk.key)
        for key in np.unique(chunk.key).tolist():
            of_key = chunk.key == key
            self._chunks[key].append((chunk.began_s[of_key], chunk.ended_s[of_key]))

    def add_answers(self, chunk: Answers) -> None:
        """Add answers, in any order."""
        served = np.flatnonzero((chunk.code == 200) & ~np.isnan(chunk.age_s))
        self._aged += len(served)
        served = served[np.isin(chunk.key[served], list(self._chunks))]
        for key in np.unique(chunk.key[served]).tolist():
            self._add_of_key(chunk, key, served[chunk.key[served] == key])

    def _add_of_key(self, chunk: Answers, key: int, places: Integers) -> None:
        if len(self._chunks[key]) > 1:
            began, ended = zip(*self._chunks[key], strict=True)
            self._chunks[key] = [(np.concatenate(began), np.concatenate(ended))]
        ((began_s, ended_s),) = self._chunks[key]
        read_s = chunk.ended_s[places] - chunk.age_s[places]
        following = np.searchsorted(began_s, read_s, side="right")
        over_s = np.append(ended_s, np.inf)[following]
        since_s = chunk.intended_s[places] - over_s
        since_s = since_s[since_s >= 0]
        self._overtaken += len(since_s)
        self._since.add(since_s)

    def figures(self) -> dict[str, Any]:
        """The fields of a `RunSummary` about writes: how many, and how many answers were how long overtaken."""
        return {
            "writes": self._writes,
            "overtaken_share": round(self._overtaken / self._aged, 5) if self._aged else None,
            "overtaken_p99_s": round(self._since.percentile_s(0.99), 3) if len(self._since) else None,
        }
