"""How long one request may wait for the cache, all its commands together.

A Redis that is slow, yet quick enough for each command's time-out, would cost a request many times that: it looks up,
takes a lock, looks again, stores and gives back. So every request has one budget, of which each command takes what it
lasts; loads, and waits for the loads of others, take nothing. When it is spent the request goes on without the cache.
Tasks that a request begins share its budget, by their context.
"""

import asyncio
import math
from contextvars import ContextVar
from typing import Any


class Budget:
    """Of one request."""

    __slots__ = ("_whole_s", "left_s")

    def __init__(self, seconds: float) -> None:
        self._whole_s = self.left_s = seconds

    @property
    def is_spent(self) -> bool:
        return self.left_s <= 0

    @property
    def is_whole(self) -> bool:
        return self.left_s >= self._whole_s

    async def wait_for(self, work: asyncio.Future[Any], seconds_max: float = math.inf) -> bool:
        """Whether the work ended while something was left, and in time. It goes on in any case."""
        if self.is_spent:
            return False
        running = asyncio.get_running_loop()
        began_s = running.time()
        try:
            limit_s = min(self.left_s, seconds_max)
            await asyncio.wait({work}, timeout=None if limit_s == math.inf else limit_s)
        finally:
            self.left_s -= running.time() - began_s
        return work.done()


current: ContextVar[Budget | None] = ContextVar("cache budget", default=None)
"""That of the request which runs; None where nobody waits for an answer."""
