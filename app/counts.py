"""The accesses that a pod counts, on their way to the counts of all pods: one batch each `count_flush_ms`.

Counting is an addition in a dict, so that a hit sends nothing. What is counted belongs to the fixed window that runs
when its batch is sent: an access may so be counted as many milliseconds late. Accesses that could not be sent are
dropped, because later they would look like a burst. Their number is reported, and so is that of accesses to more keys
between two batches than a pod holds.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from app import budget
from app.cache_pace import CachePace
from app.sliding_window import SlidingWindow
from app.strategy import CacheAway
from app.tasks import Tasks

BATCH_MAX = 256
"""Counters in one command, so that Redis is not kept from others for long."""
WINDOWS_KEPT = 2
"""The lengths of its window for which a counter is kept, after which nothing asks for it."""


class Addition(NamedTuple):
    """An addition to the counter of one key and fixed window."""

    name: str
    by: int
    keep_ms: int


class Counters(Protocol):
    """The counters of all pods, in the cache. Each method raises `CacheAway`."""

    async def add_counts(self, additions: Sequence[Addition]) -> None:
        """Add to these counters; a new one is kept for its `keep_ms`."""
        ...

    async def read_counts(self, before: str, current: str) -> tuple[int, int]:
        """The numbers of two counters; 0 where there is none."""
        ...


class Counts:
    """The counts of one pod. It sends nothing unless something was counted, and one batch at a time."""

    def __init__(
        self,
        counters: Counters,
        now_s: Callable[[], float],
        tasks: Tasks,
        pace: CachePace,
        dropped: Callable[[int], None],
    ) -> None:
        """Set up the counts; `now_s` is the cache's time.

        `dropped` gets the number of accesses that are not counted.
        """
        self._counters, self._now_s, self._tasks, self._dropped = counters, now_s, tasks, dropped
        self._flush_s, self._keys_max = pace.count_flush_s, pace.counted_keys_max
        self._counted: dict[tuple[str, float], int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_sending = False

    def count(self, key: str, window_s: float) -> None:
        """Implements `app.strategy.Cache.count`."""
        counted = self._counted.get(at := (key, window_s))
        if counted is None:
            self._begin(at)
        else:
            self._counted[at] = counted + 1

    async def counted(self, key: str, window_s: float) -> float:
        """Implements `app.strategy.Cache.counted`."""
        window, now_s = SlidingWindow.of(window_s), self._now_s()
        number = window.number(now_s)
        names = (_head(window_s, one) + key for one in (number - 1, number))
        before, current = await self._counters.read_counts(*names)
        return window.estimate(before, current + self._counted.get((key, window_s), 0), now_s)

    def close(self) -> None:
        """Send nothing any more: what was counted since the last batch is lost."""
        self._keys_max = 0
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self, at: tuple[str, float]) -> None:
        if len(self._counted) >= self._keys_max:
            self._dropped(1)
            return
        key, window_s = at
        if not isinstance(key, str):  # here, and not in the batch, which would lose the accesses to other keys with it
            raise TypeError(f"a key that is counted must be a str, not {key!r}")
        SlidingWindow.of(window_s)
        self._counted[at] = 1
        self._wait()

    def _wait(self) -> None:
        if self._timer is None and not self._is_sending:
            self._timer = asyncio.get_running_loop().call_later(self._flush_s, self._send)

    def _send(self) -> None:
        self._timer, self._is_sending = None, True
        self._tasks.spawn(self._flush(), "counts", ended=lambda _: self._sent())

    def _sent(self) -> None:
        self._is_sending = False
        if self._counted:
            self._wait()

    async def _flush(self) -> None:
        budget.current.set(None)  # no request waits for it
        counted, self._counted = self._counted, {}
        now_s, rest = self._now_s(), iter(counted.items())
        windows = {window_s for _, window_s in counted}
        heads = {window_s: _head(window_s, SlidingWindow(window_s).number(now_s)) for window_s in windows}
        keep_ms = {window_s: round(WINDOWS_KEPT * window_s * 1000) for window_s in windows}
        while part := [*islice(rest, BATCH_MAX)]:
            additions = [Addition(heads[window_s] + key, by, keep_ms[window_s]) for (key, window_s), by in part]
            try:
                await self._counters.add_counts(additions)
            except CacheAway:
                self._dropped(sum(by for _, by in part))


def _head(window_s: float, number: int) -> str:
    """The name of a counter of that fixed window, up to the key."""
    return f"lab:counts:{float(window_s)}:{number}:"
