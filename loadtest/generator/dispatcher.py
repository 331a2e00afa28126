"""The open loop: every request leaves at its own time, whether or not earlier answers have arrived.

All processes draw the same seeded arrivals, and process i of n sends every n-th of them.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gevent
from gevent.pool import Group

from loadtest.generator.deal import Share
from loadtest.generator.meter import Meter, now_s
from loadtest.workload.arrivals import arrivals
from loadtest.workload.seeds import hour_seed
from loadtest.workload.traffic import Keys, Load

HOUR_S = 3_600.0
"""Seconds by which a load without an end is drawn and shared: a worker that joins draws the hour it joins in."""
TAIL_S = 2.0
"""Seconds that a stopped run may still send: Locust counts its time from before the workers began."""
LOOK_EVERY_S = 0.1


class Arrival(NamedTuple):
    """A request of the open loop, with the time at which it is due."""

    number: int
    """The number in the whole load, from 0, or from 0 in the hour in which the share begins."""
    time_s: float
    """The time at which it is due, seconds from the start of the load."""
    key: int


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


Draw = Callable[[Share], Iterator[Arrival]]


class Dispatcher:
    """A dispatcher that sends one process's share: late requests at once, requests beyond `in_flight_max` never."""

    def __init__(
        self,
        draw: Draw,
        share: Share,
        send: Callable[[Arrival, float], None],
        meter: Meter,
        clock_s: Callable[[], float] = now_s,
        sleep: Callable[[float], None] = gevent.sleep,
    ) -> None:
        """Set up the dispatcher; `send` gets an arrival and its intended start, seconds since the epoch."""
        self._draw, self._share, self._send, self._meter = draw, share, send, meter
        self._clock_s, self._sleep = clock_s, sleep
        self._coming: Iterator[Arrival] = iter(())
        self._requests = Group()
        self._walk: gevent.Greenlet[[], None] | None = None
        self._is_over = False
        self._dealt: deque[Share] = deque()
        """The shares that count later, each from its `from_s` on."""
        self._next: Arrival | None = None
        """The arrival that is waited for."""
        self.is_paused = False
        """Whether requests that become due are counted and left unsent."""

    def start(self, failed: Callable[[Any], None]) -> None:
        """Begin in a greenlet of its own; `failed` is called with the greenlet when it fails later."""
        self._walk = gevent.spawn(self.run)
        self._walk.link_exception(failed)

    def deal(self, share: Share) -> None:
        """Send this share of the same load from its `from_s` on."""
        self._dealt.append(share)

    def run(self) -> None:
        """Send the shares until the load is over, or `end` is called."""
        self._take(self._share)
        self._meter.start()
        while not self._is_over:
            self._walk_share()
            if not self._dealt:
                return
            self._take(self._dealt.popleft())

    def _take(self, share: Share) -> None:
        """Send the share from its `from_s` on; its first arrival is drawn before that, which may take a while."""
        self._share = share
        coming = self._draw(share)
        self._coming = itertools.chain(list(itertools.islice(coming, 1)), coming)
        self._wait_until(share.start_s + share.from_s)

    def _walk_share(self) -> None:
        """Send the arrivals of one share until the load is over, or another share counts."""
        start_s = self._share.start_s
        for arrival in self._coming:
            self._next = arrival
            self._wait_until(start_s + arrival.time_s)
            if self._is_over or (self._dealt and arrival.time_s >= self._dealt[0].from_s):
                return
            if self.is_paused or len(self._requests) >= (self._meter.in_flight_max or 0):
                self._meter.not_sent += 1
            else:
                self._requests.spawn(self._send, arrival, start_s + arrival.time_s)
        self._next = None
        self._wait_until(math.inf if self._share.duration_s is None else start_s + self._share.duration_s)

    def end(self, grace_s: float, tail_s: float = TAIL_S) -> None:
        """Stop sending, and wait up to `grace_s` for the answers that are still due.

        A load that ends within `tail_s` runs to its end, and what it has not sent by then is counted.
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
        cut = self._is_over and left_s is not None
        self._meter.stop(f"it was told to end {left_s:.1f} s before its time" if cut else "")
        self._requests.join(timeout=grace_s)
        self._requests.kill()

    def _wait_until(self, moment_s: float) -> None:
        """Wait until that moment, or until a share from an earlier moment arrives."""
        left_s = moment_s - self._clock_s()
        if left_s <= 0:
            self._sleep(0)  # or a generator that is behind would never look at an answer
        while left_s > 0 and not self._is_over:
            if self._dealt and self._dealt[0].start_s + self._dealt[0].from_s < moment_s:
                return
            self._sleep(min(left_s, LOOK_EVERY_S))
            left_s = moment_s - self._clock_s()
