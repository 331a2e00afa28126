"""The way to the slow store: one bounded pool per strategy.

A read holds its connection for as long as it takes, so the capacity is exactly connections / latency, and readers
queue as they do at a real database. The same pool stands before SQLite and before virtual time's store.
"""

import asyncio
import json
from dataclasses import dataclass
from random import Random
from typing import Protocol

from app.latency import Latency
from app.ledger import OriginRead
from app.settings import Settings
from app.strategy import Clock, OriginFailed, Shed, Why
from app.tasks import Tasks

_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Row:
    """An item as JSON, ready to be sent, or `body` None where there is no such item."""

    body: bytes | None
    read_at_s: float


class Store(Protocol):
    """Where the items are."""

    async def select(self, item_id: int, latency_ms: float) -> tuple[str, int] | None:
        """Text and CRC-32 of an item, after `latency_ms`; None where there is no such item. Raises `OriginFailed`."""
        ...

    async def aclose(self) -> None: ...


class Book(Protocol):
    """Who is told of every read."""

    def write(self, read: OriginRead) -> None: ...


class Origin:
    """One strategy's pool of connections to the store. Raises `OriginFailed` and `Shed`."""

    def __init__(self, settings: Settings, strategy: str, clock: Clock, ledger: Book, store: Store) -> None:
        self._settings = settings
        self._strategy = strategy
        self._clock = clock
        self._ledger = ledger
        self._store = store
        self._latency = Latency.parse(settings.origin_latency)
        self._rng = Random(f"{settings.seed}/{settings.pod}/{strategy}/latency")
        self._free = asyncio.Semaphore(settings.origin_connections)
        self._tasks = Tasks()
        self.connections = settings.origin_connections
        self.reading = 0
        self.waiting = 0

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await self._store.aclose()

    async def read(self, item_id: int, key: str, why: Why) -> Row:
        """One read of the store, through the pool. Goes on to its end when the caller goes away, as a query does."""
        if self.reading + self.waiting >= self.connections + self._settings.origin_queue_max:
            raise Shed(f"{self.waiting} reads wait for the origin (origin_queue_max)")
        self.waiting += 1  # here and not in the task, which has not begun when the next caller looks
        read = self._tasks.spawn(self._read(item_id, key, why), f"read {key}")
        timeout_s = self._settings.origin_timeout_ms / 1000
        # no shield is needed: `wait` never cancels what it waits for
        done, _ = await asyncio.wait({read}, timeout=timeout_s)
        if not done:
            raise OriginFailed(f"no answer within {timeout_s:g} s (origin_timeout_ms)")
        return read.result()

    async def _read(self, item_id: int, key: str, why: Why) -> Row:
        asked_s = self._clock.now_s()
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.reading += 1
        started_s = self._clock.now_s()
        ok = False
        try:
            found = await self._store.select(item_id, self._latency.draw_ms(self._rng))
            ok = True
            return self._row(item_id, found)
        finally:
            self.reading -= 1
            self._free.release()
            self._ledger.write(
                OriginRead(asked_s, started_s, self._clock.now_s(), key, self._strategy, self._settings.pod, why, ok)
            )

    def _row(self, item_id: int, found: tuple[str, int] | None) -> Row:
        read_at_s = self._clock.now_s()
        if found is None:
            return Row(None, read_at_s)
        text, crc32 = found
        item = {
            "id": item_id,
            "version": int(read_at_s / self._settings.change_every_s),
            "read_at": round(read_at_s, 6),
            "crc32": crc32,
            "text": text,
        }
        return Row(_ENCODER.encode(item).encode(), read_at_s)
