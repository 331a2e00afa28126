"""Redis's time on a monotonic base.

Every pod asks Redis what time it is and counts on from there by its own monotonic clock. So pods agree on ages and
expiries whatever their wall clocks say. When Redis's own clock is set, pods follow it within `SYNC_EVERY_S`, or at once
when an entry contradicts theirs. Durations are never measured by this clock: they have the event loop's.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from app.strategy import CLOCK_ERROR_S_MAX, CacheAway

log = logging.getLogger(__name__)

SYNC_EVERY_S = 1.0
SYNC_AGAIN_S = 0.25
"""The pace until Redis has answered once, and the least time between two looks at a clock in doubt."""
SAMPLES = 3
"""Round trips of a synchronization, at most."""
GOOD_ROUND_TRIP_S = 0.002
"""A round trip as short as this is accurate enough, seconds: no further one is made."""


class RedisClock:
    """The cache's clock; implements `app.strategy.Clock`. Until Redis has answered once it is the machine's own."""

    def __init__(
        self,
        ask_time_s: Callable[[], Awaitable[float]],
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._ask_time_s = ask_time_s
        self._monotonic_s = monotonic_s
        self._offset_s = wall_s() - monotonic_s()
        self._doubted = asyncio.Event()
        self.is_synced = False
        """Whether Redis has answered with its time yet."""

    def now_s(self) -> float:
        return self._monotonic_s() + self._offset_s

    def monotonic_s(self) -> float:
        return self._monotonic_s()

    def doubt(self) -> None:
        """Ask Redis for its time again soon, because something contradicts this clock."""
        self._doubted.set()

    async def sync(self) -> None:
        """Set the offset to Redis's clock by the quickest of a few round trips. Raises `CacheAway`."""
        best_round_trip_s, offset_s = float("inf"), 0.0
        for _ in range(SAMPLES):
            asked_s = self._monotonic_s()
            redis_s = await self._ask_time_s()
            answered_s = self._monotonic_s()
            if answered_s - asked_s < best_round_trip_s:
                best_round_trip_s = answered_s - asked_s
                offset_s = redis_s - (asked_s + answered_s) / 2
            if best_round_trip_s <= GOOD_ROUND_TRIP_S:
                break
        if self.is_synced and abs(offset_s - self._offset_s) > CLOCK_ERROR_S_MAX:
            log.warning("Redis's clock was set by %+.3f s", offset_s - self._offset_s)
        self._offset_s = offset_s
        self.is_synced = True

    async def keep_in_sync(self) -> None:
        """Synchronize every `SYNC_EVERY_S`, or soon after a doubt, until cancelled."""
        while True:
            await asyncio.sleep(SYNC_AGAIN_S)
            if self.is_synced:
                try:
                    async with asyncio.timeout(SYNC_EVERY_S - SYNC_AGAIN_S):
                        await self._doubted.wait()
                except TimeoutError:
                    pass  # there was no doubt
            self._doubted.clear()
            try:
                await self.sync()
            except CacheAway:
                log.debug("no time from Redis; counting on by the monotonic clock")
