"""Reads of one event-loop tick leave as one MGET on one connection.

This coalesces commands, not requests: every reader has its own slot in the reply. A reader that goes away gives up
its slot and nothing else, so no reply can reach the wrong reader.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from app.strategy import CacheAway
from app.tasks import Tasks

Fetch = Callable[[Sequence[str]], Awaitable[Sequence[bytes | None]]]


class ReadBatcher:
    """Collects the keys that are asked for and fetches them in batches of at most `batch_max`."""

    def __init__(self, fetch: Fetch, tasks: Tasks, batch_max: int, in_flight_max: int, waiting_max: int) -> None:
        self._fetch = fetch
        self._tasks = tasks
        self._batch_max = batch_max
        self._in_flight_max = in_flight_max
        self._waiting_max = waiting_max
        self._waiting: deque[tuple[str, asyncio.Future[bytes | None]]] = deque()
        self._in_flight = 0
        self._is_scheduled = False

    def read(self, key: str) -> asyncio.Future[bytes | None]:
        """The stored bytes, or None. The future, or this call, fails with `CacheAway`."""
        if len(self._waiting) >= self._waiting_max:
            raise CacheAway(f"{self._waiting_max} reads are waiting (reads_waiting_max)")
        loop = asyncio.get_running_loop()
        reader = loop.create_future()
        self._waiting.append((key, reader))
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._send)
        return reader

    def _send(self) -> None:
        self._is_scheduled = False
        while self._waiting and self._in_flight < self._in_flight_max:
            size = min(len(self._waiting), self._batch_max)
            batch = [self._waiting.popleft() for _ in range(size)]
            self._in_flight += 1
            self._tasks.spawn(self._answer(batch), "read batch")

    async def _answer(self, batch: list[tuple[str, asyncio.Future[bytes | None]]]) -> None:
        try:
            values = await self._fetch([key for key, _ in batch])
            if len(values) != len(batch):  # whose is whose? then nobody's
                raise CacheAway(f"{len(values)} values for {len(batch)} keys")
        except BaseException as error:
            failure = error if isinstance(error, CacheAway) else CacheAway(f"the read ended with {error!r}")
            for _, reader in batch:
                if not reader.done():
                    reader.set_exception(failure)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, reader), value in zip(batch, values, strict=True):
                if not reader.done():
                    reader.set_result(value)
        finally:
            self._in_flight -= 1
            self._send()
