"""The open loop: every request leaves at its own time, whether or not earlier answers have arrived."""

import asyncio
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator

from loadtest.generator.deal import Share
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.schedule import Arrival, Draw

TAIL_S = 2.0
"""Seconds that a stopped run may still send: Locust counts its time from before the workers began."""
LOOK_EVERY_S = 0.1
TIMER_S = 0.001
"""Seconds of the shortest wait: a loop counts them in milliseconds, and what is less would be none."""
AT_ONCE_MAX = 32
"""Requests that leave one after the other before the loop reads answers again."""


class Dispatcher:
    """A dispatcher that sends one process's share: late requests at once, requests beyond `in_flight_max` never."""

    def __init__(
        self,
        draw: Draw,
        share: Share,
        send: Callable[[Arrival, float], None],
        meter: Meter,
        clock_s: Callable[[], float] = now_s,
    ) -> None:
        """Set up the dispatcher; `send` gets an arrival and its intended start, seconds since the epoch."""
        self._draw, self._share, self._send, self._meter, self._clock_s = draw, share, send, meter, clock_s
        self._coming: Iterator[Arrival] = iter(())
        self._is_over = False
        self._dealt: deque[Share] = deque()
        """The shares that count later, each from its `from_s` on."""
        self._next: Arrival | None = None
        """The arrival that is waited for."""
        self.is_paused = False
        """Whether requests that become due are counted and left unsent."""

    def deal(self, share: Share) -> None:
        """Send this share of the same load from its `from_s` on."""
        self._dealt.append(share)

    async def run(self) -> None:
        """Send the shares until the load is over, or `end` is called."""
        await self._take(self._share)
        self._meter.start()
        while not self._is_over:
            await self._walk_share()
            if not self._dealt:
                return
            await self._take(self._dealt.popleft())

    async def end(self, walk: "asyncio.Task[None]", tail_s: float = TAIL_S) -> None:
        """Stop sending; `walk` is the task of `run`.

        A load that ends within `tail_s` runs to its end, and what it has not sent by then is counted.
        """
        duration_s = self._share.duration_s
        left_s = None if duration_s is None else self._share.start_s + duration_s - self._clock_s()
        self._is_over = left_s is None or left_s > tail_s
        await asyncio.wait([walk], timeout=tail_s + LOOK_EVERY_S)
        if not walk.done():
            walk.cancel()
            if not self._is_over:
                self._meter.not_sent += (self._next is not None) + sum(1 for _ in self._coming)
        cut = self._is_over and left_s is not None
        self._meter.stop(f"it was told to end {left_s:.1f} s before its time" if cut else "")

    async def _take(self, share: Share) -> None:
        """Send the share from its `from_s` on; its first arrival is drawn before that, which may take a while."""
        self._share = share
        coming = self._draw(share)
        self._coming = itertools.chain(list(itertools.islice(coming, 1)), coming)
        await self._wait_until(share.start_s + share.from_s)

    async def _walk_share(self) -> None:
        """Send the arrivals of one share until the load is over, or another share counts."""
        start_s, sent = self._share.start_s, 0
        for arrival in self._coming:
            self._next = arrival
            intended_s = start_s + arrival.time_s
            if self._clock_s() < intended_s or sent >= AT_ONCE_MAX:
                await self._wait_until(intended_s)
                sent = 0
            if self._is_over or (self._dealt and arrival.time_s >= self._dealt[0].from_s):
                return
            if self.is_paused or self._meter.in_flight >= (self._meter.in_flight_max or 0):
                self._meter.not_sent += 1
            else:
                self._send(arrival, intended_s)
            sent += 1
        self._next = None
        await self._wait_until(math.inf if self._share.duration_s is None else start_s + self._share.duration_s)

    async def _wait_until(self, moment_s: float) -> None:
        """Wait until that moment, or until a share from an earlier moment arrives."""
        left_s = moment_s - self._clock_s()
        if left_s <= 0:
            await asyncio.sleep(0)  # or a generator that is behind would never look at an answer
        while left_s > 0 and not self._is_over:
            if self._dealt and self._dealt[0].start_s + self._dealt[0].from_s < moment_s:
                return
            await asyncio.sleep(min(max(left_s, TIMER_S), LOOK_EVERY_S))
            left_s = moment_s - self._clock_s()
