"""Batched reads: the keys that are asked for in one event-loop tick leave as one MGET on one connection.

Commands are coalesced and requests are not: every reader has its own slot in the reply. A reader that is cancelled
gives up its slot and nothing else, so that no reply can reach the wrong reader. No reader waits longer than the
patience.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from app.strategy import CacheAway
from app.tasks import Tasks

Fetch = Callable[[Sequence[str]], Awaitable[Sequence[bytes | None]]]


class _Read:
    """One reader's slot in a batch: its key, the time of asking, and its value to come."""

    __slots__ = ("asked_s", "key", "value")

    def __init__(self, key: str, asked_s: float, value: asyncio.Future[bytes | None]) -> None:
        self.key = key
        self.asked_s = asked_s
        self.value = value


class ReadBatcher:
    """Collects the keys that are asked for and fetches them in batches of at most `batch_max`."""

    def __init__(
        self,
        fetch: Fetch,
        tasks: Tasks,
        batch_max: int,
        in_flight_max: int,
        waiting_max: int,
        patience_s: float,
        gave_up: Callable[[], None] = lambda: None,
    ) -> None:
        """`gave_up` is called for each batch that was sent and not answered by the end of the patience."""
        self._fetch = fetch
        self._tasks = tasks
        self._batch_max = batch_max
        self._in_flight_max = in_flight_max
        self._waiting_max = waiting_max
        self._patience_s = patience_s
        self._gave_up = gave_up
        self._waiting: deque[_Read] = deque()
        self._in_flight = 0
        self._is_scheduled = False
        self._tick_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def read(self, key: str) -> asyncio.Future[bytes | None]:
        """The stored bytes to come, or None for a key without any. The call or the future raises `CacheAway`."""
        if len(self._waiting) >= self._waiting_max:
            raise CacheAway(f"{self._waiting_max} reads are waiting (reads_waiting_max)")
        loop = asyncio.get_running_loop()
        if not self._is_scheduled:
            self._is_scheduled = True
            self._tick_s = loop.time()
            loop.call_soon(self._send)
        reader = loop.create_future()
        self._waiting.append(_Read(key, self._tick_s, reader))
        return reader

    def _send(self) -> None:
        self._is_scheduled = False
        while self._waiting and self._in_flight < self._in_flight_max:
            size = min(len(self._waiting), self._batch_max)
            batch = [read for read in (self._waiting.popleft() for _ in range(size)) if not read.value.done()]
            if batch:
                self._in_flight += 1
                self._tasks.spawn(self._answer(batch), "read batch")
        if self._waiting and self._timer is None:  # no slot is free
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._waiting[0].asked_s + self._patience_s, self._turn_away)

    def _turn_away(self) -> None:
        """Fail the reads that waited for a free batch beyond the patience."""
        self._timer = None
        loop = asyncio.get_running_loop()
        late = []
        while self._waiting and self._waiting[0].asked_s + self._patience_s <= loop.time():
            late.append(self._waiting.popleft())
        self._fail(late, CacheAway(f"no batch could be sent for {self._patience_s:g} s (read_batches_in_flight_max)"))
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0].asked_s + self._patience_s, self._turn_away)

    async def _answer(self, batch: list[_Read]) -> None:
        loop = asyncio.get_running_loop()
        giving_up = loop.call_at(batch[0].asked_s + self._patience_s, self._give_up, batch)
        try:
            values = await self._fetch([read.key for read in batch])
            if len(values) != len(batch):  # which value is whose cannot be told
                raise CacheAway(f"{len(values)} values for {len(batch)} keys")
        except BaseException as error:
            self._fail(batch, error if isinstance(error, CacheAway) else CacheAway(f"the read ended with {error!r}"))
            raise
        else:
            for read, value in zip(batch, values, strict=True):
                if not read.value.done():
                    read.value.set_result(value)
        finally:
            giving_up.cancel()
            self._in_flight -= 1
            self._send()

    def _give_up(self, batch: list[_Read]) -> None:
        """Fail the readers of a batch that is late; the command itself goes on."""
        self._fail(batch, CacheAway(f"no answer within {self._patience_s:g} s (cache_budget_ms)"))
        self._gave_up()

    def _fail(self, reads: list[_Read], failure: CacheAway) -> None:
        for read in reads:
            if not read.value.done():
                read.value.set_exception(failure)
