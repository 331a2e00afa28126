"""The cache budget of a request: how long it may wait for the cache, all its commands together.

A request sends several commands: it looks up, takes a lock, looks again, stores and unlocks. A Redis that answers each
one just within its time-out would cost a request many times that. So every request has one budget, and each command
takes from it the time that it lasts. Loads, and waits for the loads of others, take nothing. Once the budget is spent
the request goes on without the cache. Tasks that a request begins share its budget, by their context.
"""

import asyncio
import math
from contextvars import ContextVar
from typing import Any


class Budget:
    """The time that one request may still wait for the cache, in seconds."""

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
        """Wait for the work within the budget; False when it has not ended in time. The work goes on in any case."""
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
"""The budget of the running request; None in background work, which no request waits for."""
