"""Writes of a scenario: the moments and items that follow from a seed."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from loadtest.workload.arrivals import CHUNK, Popularity, rng_of, shifted
from loadtest.workload.scenario_tables import WritesTable
from loadtest.workload.traffic import Keys


class Write(NamedTuple):
    """A write: its moment, in seconds from the load's start, and its item."""

    time_s: float
    key: int


def writes_of(table: WritesTable, keys: Keys, duration_s: float, seed: int) -> Iterator[Write]:
    """The writes before `duration_s`, in order of time: the same in every world."""
    moments, which, popularity = rng_of(seed, "writes"), rng_of(seed, "written keys"), Popularity(keys)
    now_s = 0.0
    while now_s < duration_s:
        times_s = now_s + np.cumsum(moments.exponential(1 / table.rate_per_s, size=CHUNK))
        now_s = float(times_s[-1])
        written = shifted(keys, times_s, popularity.existing(which, CHUNK))
        for time_s, key in zip(times_s.tolist(), written.tolist(), strict=True):
            if time_s >= duration_s:
                return
            yield Write(time_s, key)
