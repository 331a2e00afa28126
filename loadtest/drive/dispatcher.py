"""The open loop: every request leaves at its own time, whether or not earlier ones have come back.

All processes draw the same seeded arrivals, and each sends its share of them: process i of n every n-th one.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import gevent
from gevent.pool import Group

from loadtest.arrivals import arrivals
from loadtest.drive.generator import Meter, now_s
from loadtest.load import Keys, Load
from loadtest.seeds import hour_seed

HOUR_S = 3_600.0
"""A load without an end is drawn hour by hour."""
START_LEAD_S = 0.5
"""What processes are given to hear of a test and get ready, so that all begin at the same moment."""
TAIL_S = 2.0
"""Locust counts a run's time from before the workers began: a load that has less than this left when it is told to
stop is let run to its end."""
LOOK_EVERY_S = 0.1


class Share(NamedTuple):
    """Of a load that `of` processes send together, the part of process `number`."""

    number: int
    of: int
    start_s: float
    """Of the whole load, since the epoch."""
    duration_s: float | None
    """None: it has no end."""

    def part(self, whole: int) -> int:
        """Its part of a bound, at least 1."""
        return max(1, (whole + self.of - 1 - self.number) // self.of)


class Arrival(NamedTuple):
    """A request that is due."""

    number: int
    """In the whole load, from 0."""
    time_s: float
    """From the start of the load."""
    key: int


def share_out(workers: Iterable[str], run_time_s: float | None) -> dict[str, Any]:
    """What a master tells its workers, for `own_share`; plain values, because it travels."""
    return {"workers": sorted(workers), "start_s": now_s() + START_LEAD_S, "duration_s": run_time_s}


def own_share(worker: str, told: Mapping[str, Any]) -> Share | None:
    """That worker's part of the load; None where it came too late to get one."""
    workers = told["workers"]
    if worker not in workers:
        return None
    return Share(workers.index(worker), len(workers), told["start_s"], told["duration_s"])


def all_of_it(run_time_s: float | None) -> Share:
    """For a process that sends alone."""
    return Share(0, 1, now_s() + START_LEAD_S, run_time_s)


def due(load: Load, keys: Keys, share: Share, seed: int) -> Iterator[Arrival]:
    """The arrivals of a share, in order of time. Raises `BadTrace` and OSError."""
    before = 0  # arrivals, of all shares
    for hour in itertools.count():
        began_s, length_s = (0.0, share.duration_s) if share.duration_s is not None else (hour * HOUR_S, HOUR_S)
        for piece in arrivals(load, keys, length_s, hour_seed(seed, hour)):
            first = (share.number - before) % share.of
            times, asked = (column[first :: share.of].tolist() for column in piece)
            for number, time_s, key in zip(itertools.count(before + first, share.of), times, asked, strict=False):
                yield Arrival(number, began_s + time_s, key)
            before += len(piece.time_s)
        if share.duration_s is not None:
            return


class Dispatcher:
    """Sends one process's share. What is behind its time leaves at once; what would be one too many does not."""

    def __init__(
        self,
        coming: Iterator[Arrival],
        share: Share,
        send: Callable[[Arrival, float], None],
        meter: Meter,
        clock_s: Callable[[], float] = now_s,
        sleep: Callable[[float], None] = gevent.sleep,
    ) -> None:
        """`send` gets an arrival and its intended start, seconds since the epoch; `meter` knows the bound."""
        assert meter.in_flight_max is not None
        self._coming, self._share, self._send, self._meter = coming, share, send, meter
        self._in_flight_max = meter.in_flight_max
        self._clock_s, self._sleep = clock_s, sleep
        self._requests = Group()
        self._walk: gevent.Greenlet[[], None] | None = None
        self._is_over = False
        self._next: Arrival | None = None
        """Waited for at the moment."""

    def start(self, failed: Callable[[Any], None]) -> None:
        """Begin, and return at once; `failed` is called with the greenlet when it fails later."""
        self._walk = gevent.spawn(self.run)
        self._walk.link_exception(failed)

    def run(self) -> None:
        """Until the last arrival has left, or `end` is called."""
        self._wait_until(self._share.start_s)
        self._meter.start()
        for arrival in self._coming:
            self._next = arrival
            intended_s = self._share.start_s + arrival.time_s
            self._wait_until(intended_s)
            if self._is_over:
                return
            if len(self._requests) < self._in_flight_max:
                self._requests.spawn(self._send, arrival, intended_s)
            else:
                self._meter.not_sent += 1
        self._next = None

    def end(self, grace_s: float, tail_s: float = TAIL_S) -> None:
        """Told to stop: send no more, and give what is on its way `grace_s` to come back.

        A load that ends within `tail_s` is let run to its end, and what it has not sent then is counted.
        """
        if self._walk is None:
            return
        duration_s = self._share.duration_s
        left_s = None if duration_s is None else self._share.start_s + duration_s - self._clock_s()
        self._is_over = left_s is None or left_s > tail_s
        self._walk.join(timeout=tail_s + LOOK_EVERY_S)
        if not self._walk.ready():
            self._walk.kill()
            if not self._is_over:
                self._meter.not_sent += (self._next is not None) + sum(1 for _ in self._coming)
        self._meter.stop()
        self._requests.join(timeout=grace_s)
        self._requests.kill()

    def _wait_until(self, moment_s: float) -> None:
        left_s = moment_s - self._clock_s()
        if left_s <= 0:
            self._sleep(0)  # or a generator that is behind would never look at an answer
        while left_s > 0 and not self._is_over:
            self._sleep(min(left_s, LOOK_EVERY_S))
            left_s = moment_s - self._clock_s()
