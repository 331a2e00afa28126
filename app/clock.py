"""Redis's time on a monotonic base.

Every pod asks Redis what time it is and counts on from there by its own monotonic clock. So pods agree on ages and
expiries whatever their wall clocks say, and no clock that is set back can make an age negative.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from app.strategy import CacheAway

log = logging.getLogger(__name__)

SYNC_EVERY_S = 5.0
SYNC_AGAIN_S = 0.25
"""Until Redis has answered once: a pod that starts without it goes by a clock that may be anything."""
SAMPLES = 3


class RedisClock:
    """Implements `app.strategy.Clock`. Until Redis has answered once it goes by this machine's wall clock."""

    def __init__(
        self,
        ask_time_s: Callable[[], Awaitable[float]],
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._ask_time_s = ask_time_s
        self._monotonic_s = monotonic_s
        self._offset_s = wall_s() - monotonic_s()
        self._is_synced = False

    def now_s(self) -> float:
        return self._monotonic_s() + self._offset_s

    async def sync(self) -> None:
        """Take the offset from the quickest of a few round trips. Raises `CacheAway`."""
        best_round_trip_s = float("inf")
        for _ in range(SAMPLES):
            asked_s = self._monotonic_s()
            redis_s = await self._ask_time_s()
            answered_s = self._monotonic_s()
            if answered_s - asked_s < best_round_trip_s:
                best_round_trip_s = answered_s - asked_s
                offset_s = redis_s - (asked_s + answered_s) / 2
        self._offset_s = offset_s
        self._is_synced = True

    async def keep_in_sync(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(SYNC_EVERY_S if self._is_synced else SYNC_AGAIN_S)
            try:
                await self.sync()
            except CacheAway:
                log.debug("no time from Redis; counting on by the monotonic clock")
