"""The schedule of an open loop: the arrivals of one process's share, in order of time.

All processes draw the same seeded arrivals, and process i of n sends every n-th of them.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from loadtest.generator.deal import Share
from loadtest.workload.arrivals import arrivals
from loadtest.workload.seeds import hour_seed
from loadtest.workload.traffic import Keys, Load

HOUR_S = 3_600.0
"""Seconds by which a load without an end is drawn and shared: a worker that joins draws the hour it joins in."""


class Arrival(NamedTuple):
    """A request of the open loop, with the time at which it is due."""

    number: int
    """The number in the whole load, from 0, or from 0 in the hour in which the share begins."""
    time_s: float
    """The time at which it is due, seconds from the start of the load."""
    key: int


Draw = Callable[[Share], Iterator[Arrival]]


def due(load: Load, keys: Keys, share: Share, seed: int) -> Iterator[Arrival]:
    """The arrivals of a share from its `from_s` on, in order of time. Raises `BadTrace` and OSError."""
    if not share.of:
        return
    before = 0  # arrivals of the hours before, of all shares
    for hour in itertools.count(int(share.from_s / HOUR_S) if share.duration_s is None else 0):
        began_s, length_s = (0.0, share.duration_s) if share.duration_s is not None else (hour * HOUR_S, HOUR_S)
        this_hour = 0
        for chunk in arrivals(load, keys, length_s, hour_seed(seed, hour)):
            first = (share.number - this_hour) % share.of
            if len(chunk.time_s) and began_s + float(chunk.time_s[-1]) >= share.from_s:
                times, asked = (column[first :: share.of].tolist() for column in chunk)
                numbers = itertools.count(before + this_hour + first, share.of)
                for number, time_s, key in zip(numbers, times, asked, strict=False):
                    if began_s + time_s >= share.from_s:
                        yield Arrival(number, began_s + time_s, key)
            this_hour += len(chunk.time_s)
        before += this_hour
        if share.duration_s is not None:
            return
