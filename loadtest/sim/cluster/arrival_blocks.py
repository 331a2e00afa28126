"""The arrivals of an open loop in blocks, in which the next arrival of a key is found quickly."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from app.latency import Latency
from loadtest.figures.records import Floats, Integers
from loadtest.workload.arrivals import CHUNK, arrivals
from loadtest.workload.scenario import Scenario

BEHIND = -1
"""The place of what happened outside of an arrival: behind all arrivals of its moment."""


class ArrivalBlock:
    """Arrivals in their order, with the places of each key's arrivals among them."""

    def __init__(self, intended_s: Floats, key: Integers, way_s: float, first: int) -> None:
        """Hold the arrivals; `first` is the number of the first of them, and `way_s` the way to a pod."""
        self.intended_s, self.key, self.first, self.size = intended_s, key, first, len(key)
        self.arrives_s = intended_s + way_s
        self.last_s = float(self.arrives_s[-1])

    @cached_property
    def moments_s(self) -> list[float]:
        """The arrivals' moments once more, because a list is quicker to read one by one."""
        moments_s: list[float] = self.arrives_s.tolist()
        return moments_s

    @cached_property
    def keys(self) -> list[int]:
        keys: list[int] = self.key.tolist()
        return keys

    @cached_property
    def _by_key(self) -> list[int]:
        """The places in order of key and place, each as one number."""
        numbers: list[int] = np.sort(self.key * self.size + np.arange(self.size)).tolist()
        return numbers

    def next_of(self, key: int, place: int) -> int | None:
        """The first arrival of the key from that place on."""
        by_key, size = self._by_key, self.size
        first = key * size
        at = bisect_left(by_key, first + place)
        if at == size:
            return None
        found = by_key[at] - first
        return found if found < size else None

    def firsts(self, pure_until_s: Floats, start: int) -> list[int]:
        """The first arrival of each key, from that place on, that comes when the key is not pure; in order."""
        late = np.flatnonzero(self.arrives_s[start:] >= pure_until_s[self.key[start:]]) + start
        by_key = np.sort(self.key[late] * self.size + late)
        key, place = np.divmod(by_key, self.size)
        found: list[int] = np.sort(place[np.diff(key, prepend=-1) > 0]).tolist()
        return found

    def places(self, at_s: Sequence[float], at: Sequence[int]) -> Integers:
        """The places at which things happened, by their moments where `at` says `BEHIND`."""
        stated = np.array(at, dtype=np.int64)
        return np.where(stated == BEHIND, np.searchsorted(self.arrives_s, np.array(at_s), "right"), stated)


def blocks(scenario: Scenario, seed: int, start_s: float) -> Iterator[ArrivalBlock]:
    """All arrivals of an open loop that begins at `start_s`, over a network that takes a fixed time."""
    way_s, first = Latency.parse(scenario.virtual.network).mean_ms / 1000, 0
    for chunk in arrivals(scenario.load, scenario.keys, scenario.duration_s, seed):
        for at in range(0, len(chunk.key), CHUNK):  # a recording comes as a whole
            key = chunk.key[at : at + CHUNK]
            yield ArrivalBlock(start_s + chunk.time_s[at : at + CHUNK], key, way_s, first)
            first += len(key)
