"""The store itself: a SQLite file whose reads take their time.

The latency is spent inside the SELECT, by an SQL function on the connection's own thread, so a read holds its
connection for as long as it takes. (A sleep beside the query would hide the stampede: all readers would sleep at once.)
"""

import os
import sqlite3
import tempfile
import time
import zlib
from pathlib import Path
from random import Random

import aiosqlite

from app.settings import Settings
from app.strategy import OriginFailed

# The join keeps the one row, and with it the latency, when the item does not exist.
_SELECT = """
SELECT take_ms(:latency_ms), item.id, item.text, item.crc32
FROM (SELECT :id AS id) LEFT JOIN item USING (id)
"""


class SqliteStore:
    """Connections to the file, opened as they are needed. Implements `app.origin.Store`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[aiosqlite.Connection] = []
        self._open: list[aiosqlite.Connection] = []

    async def aclose(self) -> None:
        for connection in self._open:
            await connection.close()

    async def select(self, item_id: int, latency_ms: float) -> tuple[str, int] | None:
        try:
            return await self._select(item_id, latency_ms)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise OriginFailed(f"{type(error).__name__}: {error}") from error

    async def _select(self, item_id: int, latency_ms: float) -> tuple[str, int] | None:
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            values = {"latency_ms": latency_ms, "id": item_id}
            ((_, found, text, crc32),) = await connection.execute_fetchall(_SELECT, values)
        finally:
            self._idle.append(connection)
        return None if found is None else (text, crc32)

    async def _connect(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(f"file:{self._path}?mode=ro", uri=True)
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
