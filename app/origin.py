"""The slow store: SQLite through a bounded pool.

The latency is spent inside the SELECT, by an SQL function on the connection's own thread. So a read holds its
connection for as long as it takes, the capacity is exactly connections / latency, and readers queue as they do at a
real database. (A sleep beside the query would hide the stampede: all readers would sleep at once.)
"""

import asyncio
import json
import os
import sqlite3
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from random import Random

import aiosqlite

from app.latency import Latency
from app.ledger import Ledger, OriginRead
from app.settings import Settings
from app.strategy import Clock, OriginFailed, Shed, Why
from app.tasks import Tasks

# The join keeps the one row, and with it the latency, when the item does not exist.
_SELECT = """
SELECT take_ms(:latency_ms), item.id, item.text, item.crc32
FROM (SELECT :id AS id) LEFT JOIN item USING (id)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An item as JSON, ready to be sent, or `body` None where there is no such item."""

    body: bytes | None
    read_at_s: float


class Origin:
    """One strategy's pool of connections to the store. Raises `OriginFailed` and `Shed`."""

    def __init__(self, settings: Settings, strategy: str, clock: Clock, ledger: Ledger) -> None:
        self._settings = settings
        self._strategy = strategy
        self._clock = clock
        self._ledger = ledger
        self._latency = Latency.parse(settings.origin_latency)
        self._rng = Random(f"{settings.seed}/{settings.pod}/{strategy}/latency")
        self._free = asyncio.Semaphore(settings.origin_connections)
        self._idle: list[aiosqlite.Connection] = []
        self._open: list[aiosqlite.Connection] = []
        self._tasks = Tasks()
        self.connections = settings.origin_connections
        self.reading = 0
        self.waiting = 0

    async def aclose(self) -> None:
        await self._tasks.aclose()
        for connection in self._open:
            await connection.close()

    async def read(self, item_id: int, key: str, why: Why) -> Row:
        """One read of the store, through the pool. Goes on to its end when the caller goes away, as a query does."""
        if self._free.locked() and self.waiting >= self._settings.origin_queue_max:
            raise Shed(f"{self.waiting} reads wait for the origin (origin_queue_max)")
        read = self._tasks.spawn(self._read(item_id, key, why), f"read {key}")
        timeout_s = self._settings.origin_timeout_ms / 1000
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(read)
        except TimeoutError:
            raise OriginFailed(f"no answer within {timeout_s:g} s (origin_timeout_ms)") from None
        except (sqlite3.Error, OSError, ValueError) as error:
            raise OriginFailed(f"{type(error).__name__}: {error}") from error

    async def _read(self, item_id: int, key: str, why: Why) -> Row:
        asked_s = self._clock.now_s()
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.reading += 1
        started_s = self._clock.now_s()
        ok = False
        try:
            row = await self._select(item_id)
            ok = True
            return row
        finally:
            self.reading -= 1
            self._free.release()
            self._ledger.write(
                OriginRead(asked_s, started_s, self._clock.now_s(), key, self._strategy, self._settings.pod, why, ok)
            )

    async def _select(self, item_id: int) -> Row:
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            values = {"latency_ms": self._latency.draw_ms(self._rng), "id": item_id}
            ((_, found, text, crc32),) = await connection.execute_fetchall(_SELECT, values)
        finally:
            self._idle.append(connection)
        read_at_s = self._clock.now_s()
        if found is None:
            return Row(None, read_at_s)
        item = {
            "id": item_id,
            "version": int(read_at_s / self._settings.change_every_s),
            "read_at": round(read_at_s, 6),
            "crc32": crc32,
            "text": text,
        }
        return Row(json.dumps(item, separators=(",", ":")).encode(), read_at_s)

    async def _connect(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(f"file:{self._settings.origin_path}?mode=ro", uri=True)
        self._open.append(connection)
        await connection.create_function("take_ms", 1, _take_ms)
        return connection


def _take_ms(latency_ms: float) -> float:
    time.sleep(latency_ms / 1000)
    return latency_ms


def create_store(settings: Settings) -> None:
    """Make and fill the SQLite file unless it is there already. Safe when several pods start at once.

    The same settings give the same bytes of text, so whichever pod is last changes nothing. Raises OSError.
    """
    stamp = f"items={settings.items} payload_bytes={settings.payload_bytes} seed={settings.seed}"
    if _stamp_of(settings.origin_path) == stamp:
        return
    folder = settings.origin_path.resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=settings.origin_path.name)
    os.close(descriptor)
    try:
        rng = Random(settings.seed)
        with sqlite3.connect(name) as store:
            store.execute("CREATE TABLE stamp (text TEXT)")
            store.execute("INSERT INTO stamp VALUES (?)", (stamp,))
            store.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT NOT NULL, crc32 INTEGER NOT NULL)")
            length = settings.payload_bytes
            texts = (rng.randbytes(length).hex()[:length] for _ in range(settings.items))
            rows = ((number, text, zlib.crc32(text.encode())) for number, text in enumerate(texts))
            store.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
        store.close()
        os.chmod(name, 0o644)
        os.replace(name, settings.origin_path)
    finally:
        Path(name).unlink(missing_ok=True)


def _stamp_of(path: Path) -> str | None:
    if not path.exists():
        return None
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return str(store.execute("SELECT text FROM stamp").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return None
    finally:
        store.close()
