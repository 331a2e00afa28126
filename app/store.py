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
SELECT take_ms(:latency_ms), item.id, item.text, item.crc32
FROM (SELECT :id AS id) LEFT JOIN item USING (id)
"""


def read_only(path: Path) -> str:
    """The file as the URI that SQLite opens for reading alone, whatever is in its name."""
    return f"{path.absolute().as_uri()}?mode=ro"


class SqliteStore:
    """Connections to the file, opened as needed; one that failed is never used again.

    Implements `app.origin.Store`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
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
        if self._is_over:
            raise OriginFailed("the store is closed")
        try:
            async with asyncio.timeout(latency_ms / 1000 + SLOW_S_MAX):
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    found = await _item(connection, item_id, latency_ms)
                except BaseException:
                    self._give_up(connection)
                    raise
        except Exception as error:  # of SQLite, aiosqlite, the system: whatever it is, the origin has not answered
            raise OriginFailed(f"{type(error).__name__}: {error}") from error
        self._idle.append(connection)
        return found

    async def _connect(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(read_only(self._path), uri=True, timeout=LOCKED_S_MAX)
        self._open.add(connection)
        try:
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


async def _item(connection: aiosqlite.Connection, item_id: int, latency_ms: float) -> Found:
    values = {"latency_ms": latency_ms, "id": item_id}
    ((_, found, text, crc32),) = await connection.execute_fetchall(_SELECT, values)
    if found is None:
        return None
    if not (isinstance(text, str) and isinstance(crc32, int)):
        raise ValueError(f"item {item_id} is not what the lab has written")
    return text, crc32
