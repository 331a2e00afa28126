"""The store itself: a SQLite file whose reads take their time.

The latency is spent inside the SELECT, by an SQL function on the connection's own thread, so a read holds its
connection for as long as it takes. (A sleep beside the query would hide the stampede: all readers would sleep at once.)
"""

import sqlite3
import threading
from pathlib import Path

import aiosqlite

from app.strategy import OriginFailed

# The join keeps the one row, and with it the latency, when the item does not exist.
_SELECT = """
SELECT take_ms(:latency_ms), item.id, item.text, item.crc32
FROM (SELECT :id AS id) LEFT JOIN item USING (id)
"""


def read_only(path: Path) -> str:
    """The file as the URI that SQLite opens for reading alone, whatever is in its name."""
    return f"{path.absolute().as_uri()}?mode=ro"


class SqliteStore:
    """Connections to the file, opened as they are needed. Implements `app.origin.Store`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[aiosqlite.Connection] = []
        self._open: list[aiosqlite.Connection] = []
        self._is_over = threading.Event()

    async def aclose(self) -> None:
        self._is_over.set()  # closing waits for the thread that reads, and that for its latency
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
        connection = await aiosqlite.connect(read_only(self._path), uri=True)
        self._open.append(connection)
        await connection.create_function("take_ms", 1, self._take_ms)
        return connection

    def _take_ms(self, latency_ms: float) -> float:
        self._is_over.wait(latency_ms / 1000)
        return latency_ms
