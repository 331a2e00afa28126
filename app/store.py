"""The store: a SQLite file with slow reads.

The latency is spent inside the SELECT, by an SQL function on the connection's own thread. So a read holds its
connection for as long as it takes. A sleep beside the query would hide the stampede: all readers would sleep at once.
"""

import asyncio
import logging
import threading
from pathlib import Path

import aiosqlite

from app.item import Found
from app.strategy import OriginFailed

log = logging.getLogger(__name__)

LOCKED_S_MAX = 1.0
"""How long a read waits for a file that another process has locked."""
SLOW_S_MAX = 10.0
"""How long a read may take beyond its latency before its connection counts as dead, and is given up."""
CLOSE_S_MAX = 5.0
"""How long `aclose` waits for reads that are still on their threads."""

# The join keeps the one row, and with it the latency, when the item does not exist.
_SELECT = """
SELECT take_ms(:latency_ms), item.id, item.text, item.crc32, {version}
FROM (SELECT :id AS id) LEFT JOIN item USING (id){and_version}
"""
_UNWRITTEN = _SELECT.format(version="NULL, NULL", and_version="")
_WRITTEN = _SELECT.format(
    version="ifnull(version.number, 0), version.at_s", and_version=" LEFT JOIN version USING (id)"
)
_WRITE = """
INSERT INTO version (id, number, at_s) VALUES (?, 1, ?)
ON CONFLICT (id) DO UPDATE SET number = number + 1, at_s = max(ifnull(at_s, 0), excluded.at_s)
"""


def read_only(path: Path) -> str:
    """The file as the URI that SQLite opens for reading alone, whatever is in its name."""
    return f"{path.absolute().as_uri()}?mode=ro"


class SqliteStore:
    """Connections to the file, opened as needed; one that failed is never used again.

    Implements `app.origin.Store`, and with `versions` also `app.writes.WrittenStore`.
    """

    def __init__(self, path: Path, versions: Path | None = None) -> None:
        """Read from the file, and with `versions` have items written, see `app.store_versions`."""
        self._path, self._versions = path, versions
        self._statement = _UNWRITTEN if versions is None else _WRITTEN
        self._idle: list[aiosqlite.Connection] = []
        self._open: set[aiosqlite.Connection] = set()
        self._closing: set[asyncio.Future[object]] = set()
        self._is_over = False
        self._over = threading.Lock()  # held until the end; a lock, because waiting for an Event makes one each time
        self._over.acquire()

    async def aclose(self) -> None:
        """Close every connection; one that does not close in time is left to its thread. It raises nothing."""
        if not self._is_over:
            self._is_over = True
            self._over.release()  # closing waits for the thread that reads, and that for its latency
        for connection in tuple(self._open):
            self._give_up(connection)
        if self._closing and (late := (await asyncio.wait(self._closing, timeout=CLOSE_S_MAX))[1]):
            log.warning("%d connections to %s did not close within %g s", len(late), self._path, CLOSE_S_MAX)

    def select(self, item_id: int, latency_ms: float) -> asyncio.Future[Found]:
        return asyncio.get_running_loop().create_task(self.read(item_id, latency_ms), name="select")

    async def read(self, item_id: int, latency_ms: float) -> Found:
        """Read an item, as `select` does. Raises `OriginFailed`."""
        return await self._ask(item_id, latency_ms)

    async def write(self, item_id: int, at_s: float) -> Found:
        """Implements `app.writes.WrittenStore`; a write takes no latency, and none of the origin's connections."""
        return await self._ask(item_id, 0.0, at_s)

    async def _ask(self, item_id: int, latency_ms: float, written_s: float | None = None) -> Found:
        """Read an item, after a write of that moment where one is stated."""
        if self._is_over:
            raise OriginFailed("the store is closed")
        try:
            async with asyncio.timeout(latency_ms / 1000 + SLOW_S_MAX):
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    if written_s is not None:
                        await connection.execute_fetchall(_WRITE, (item_id, written_s))
                        await connection.commit()
                    found = await _item(connection, self._statement, item_id, latency_ms)
                except BaseException:
                    self._give_up(connection)
                    raise
        except Exception as error:  # of SQLite, aiosqlite, the system: whatever it is, the origin has not answered
            raise OriginFailed(f"{type(error).__name__}: {error}") from error
        self._idle.append(connection)
        return found

    async def _connect(self) -> aiosqlite.Connection:
        read = read_only(self._path)
        main = read if self._versions is None else f"{self._versions.absolute().as_uri()}?mode=rw"
        connection = await aiosqlite.connect(main, uri=True, timeout=LOCKED_S_MAX)
        self._open.add(connection)
        try:
            if self._versions is not None:
                await connection.execute_fetchall("PRAGMA synchronous = OFF")  # what a crash loses is never missed
                await connection.execute_fetchall("ATTACH ? AS origin", (read,))
            await connection.create_function("take_ms", 1, self._take_ms)
        except BaseException:
            self._give_up(connection)
            raise
        return connection

    def _give_up(self, connection: aiosqlite.Connection) -> None:
        """Have a connection closed once its thread has finished its read; `aclose` waits for that."""
        self._open.discard(connection)
        if not connection._thread.is_alive():
            return
        if (closing := connection.stop()) is not None:  # not `close`, which waits for its thread twice, without a bound
            self._closing.add(closing)
            closing.add_done_callback(self._closed)

    def _closed(self, closing: asyncio.Future[object]) -> None:
        self._closing.discard(closing)
        if not closing.cancelled() and (error := closing.exception()) is not None:
            log.warning("a connection to %s did not close: %s", self._path, error)

    def _take_ms(self, latency_ms: float) -> float:
        if self._over.acquire(timeout=latency_ms / 1000):
            self._over.release()  # the next thread's wait is over too
        return latency_ms


async def _item(connection: aiosqlite.Connection, statement: str, item_id: int, latency_ms: float) -> Found:
    values = {"latency_ms": latency_ms, "id": item_id}
    ((_, found, text, crc32, version, written_s),) = await connection.execute_fetchall(statement, values)
    if found is None:
        return None
    if not (isinstance(text, str) and isinstance(crc32, int)):
        raise ValueError(f"item {item_id} is not what the lab has written")
    return (text, crc32) if version is None else (text, crc32, version, written_s)
