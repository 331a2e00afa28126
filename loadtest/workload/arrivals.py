"""Arrivals of an open loop, and the keys that every loop asks for: seeded, and the same in every world.

An arrival is a time in seconds from the start of the load, and a key. Arrivals come in chunks, so that a run of any
length needs no more memory than a chunk.
"""

import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadtest.workload.trace import read_trace
from loadtest.workload.traffic import Keys, Load, Ramp, Shape, Spike, Step, TopOfTheHour

CHUNK = 8_192
"""Arrivals drawn at once."""
PROFILE_STEP_S = 0.01
"""The step of a ramp's integral, in seconds; the other shapes are exact throughout."""


class Arrivals(NamedTuple):
    """A chunk of a load, in order of time."""

    time_s: NDArray[np.float64]
    key: NDArray[np.int64]


def arrivals(load: Load, keys: Keys, duration_s: float, seed: int) -> Iterator[Arrivals]:
    """All arrivals of an open loop before `duration_s`, in chunks. Raises `BadTrace`."""
    if load.trace is not None:
        yield Arrivals(*read_trace(Path(load.trace), keys.ids, duration_s))
        return
    times, which = rng_of(seed, "arrivals"), rng_of(seed, "keys")
    popularity = Popularity(keys)
    profile = _Profile(load, duration_s)
    done = 0.0  # expected arrivals so far: the integral of the rate
    extra = profile.extra_s(times)
    while done < profile.total:
        gaps = times.exponential(size=CHUNK) if load.arrivals == "poisson" else np.ones(CHUNK)
        steps = done + np.cumsum(gaps)
        done = float(steps[-1])
        moments = profile.time_of(steps[steps <= profile.total])
        until_s = float(moments[-1]) if done < profile.total else duration_s
        due, extra = extra[extra <= until_s], extra[extra > until_s]
        if len(due):
            moments = np.sort(np.concatenate((moments, due)))
        yield Arrivals(moments, shifted(keys, moments, popularity.draw(which, len(moments))))


def rng_of(seed: int, what: str) -> np.random.Generator:
    """A random stream of its own for each purpose, so that a change of one leaves the others as they are."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(what.encode())]))


def shifted(keys: Keys, time_s: NDArray[np.float64], key: NDArray[np.int64]) -> NDArray[np.int64]:
    """The keys as they are after the shift of popularity, where their moments are; ids that do not exist stay."""
    if (shift := keys.shift) is None:
        return key
    return np.where((time_s >= shift.at_s) & (key < keys.count), (key + shift.by) % keys.count, key)


class Popularity:
    """The popularity of the keys: uniform, one hot key, Zipf's law or measured; and the share of absent ids."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._is_drawn_by_share = keys.zipf is not None or keys.measured is not None
        if self._is_drawn_by_share:
            self._cumulated = np.cumsum(keys.popularity())

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        keys, found = self._keys, self.existing(rng, count)
        if not keys.absent:
            return found
        return np.where(rng.random(count) < keys.absent_share, rng.integers(keys.count, keys.ids, size=count), found)

    def existing(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """So many keys of items that exist, by their popularity."""
        keys = self._keys
        if self._is_drawn_by_share:
            return np.searchsorted(self._cumulated, rng.random(count), side="right").clip(max=keys.count - 1)
        if keys.hot_share is not None:
            others = rng.integers(1, keys.count, size=count)
            return np.where(rng.random(count) < keys.hot_share, 0, others)
        return rng.integers(keys.count, size=count)

    def stream(self, rng: np.random.Generator) -> Iterator[int]:
        """An endless sequence of keys: the requests of a closed loop's users, in order of asking."""
        while True:
            yield from self.draw(rng, CHUNK).tolist()


def closed_keys(keys: Keys, seed: int, worker: int = 0) -> Iterator[int]:
    """The keys that the users of one process ask for, without end."""
    return Popularity(keys).stream(rng_of(seed, f"keys of worker {worker}"))


def first_pause_s(seed: int, worker: int, user: int, longest_s: float) -> float:
    """The pause before a user on a timetable asks first: a random point of its first period, in seconds."""
    return Random(f"{seed}/{worker}/{user}").uniform(0, longest_s)


def pauses_s(load: Load, seed: int, worker: int, user: int) -> Iterator[float]:
    """The pauses of a thinking user in seconds, without end: one before its first request, then one after each answer.

    The load begins at a random point of each user's first pause. As much is left of an exponential pause then as ever.
    """
    mean_s = load.think_s
    assert mean_s is not None, "a timetable has no pauses"
    if load.think == "constant":
        yield first_pause_s(seed, worker, user, mean_s)
        yield from itertools.repeat(mean_s)
    rng = Random(f"{seed}/{worker}/{user}")
    while True:
        yield rng.expovariate(1 / mean_s)


class _Profile:
    """The rate over time, as its integral; `time_of` inverts it, which turns even steps into arrivals of that rate."""

    def __init__(self, load: Load, duration_s: float) -> None:
        assert load.rate_per_s is not None
        self._duration_s, self._spans = duration_s, load.spans(duration_s)
        ends_s, shares = [0.0], list[float]()
        for span in self._spans:
            until_s, of_it = _course(span.shape, span.end_s - span.begin_s)
            ends_s += [min(span.begin_s + end_s, span.end_s) for end_s in until_s]
            shares += [span.rate_share * share for share in of_it]
        time_s = np.array(ends_s)
        self._time_s: list[float] = list(time_s)
        self._integral: NDArray[np.float64] = np.concatenate(
            ([0.0], np.cumsum(np.diff(time_s) * load.rate_per_s * np.array(shares)))
        )
        self.total = float(self._integral[-1])

    def time_of(self, expected: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(expected, self._integral, self._time_s)

    def extra_s(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """The moments of the jobs that all begin together, in order."""
        found: list[NDArray[np.float64]] = [np.empty(0)]
        for begin_s, end_s, _, shape, _ in self._spans:
            if isinstance(shape, TopOfTheHour):
                tops = begin_s + np.arange(shape.every_s, end_s - begin_s, shape.every_s)
                moments = tops[:, None] + rng.uniform(0, shape.within_s, size=(len(tops), shape.extra_requests))
                found.append(moments[moments < self._duration_s])
        together: NDArray[np.float64] = np.sort(np.concatenate(found))
        return together


def _course(shape: Shape, duration_s: float) -> tuple[list[float], list[float]]:
    """The ends of a shape's pieces, in seconds from its beginning, and the shares of the rate in them."""
    match shape:
        case Step():
            return [shape.at_s, duration_s], [1.0, shape.to_share]
        case Spike():
            return [shape.at_s, shape.at_s + shape.for_s, duration_s], [1.0, shape.to_share, 1.0]
        case Ramp():
            for_s = shape.for_s or duration_s
            pieces = max(1, round(for_s / PROFILE_STEP_S))
            rise = shape.to_share - shape.from_share
            shares = (shape.from_share + rise * (number + 0.5) / pieces for number in range(pieces))
            return [*np.linspace(0, for_s, pieces + 1)[1:].tolist(), duration_s], [*shares, shape.to_share]
    return [duration_s], [1.0]
