"""The store's file: made and filled at the first start, and used or replaced only where it is the lab's own.

It is the lab's own when it holds exactly what the lab writes into such a file, to the last row. Then nothing is lost
that cannot be made again, and every item is answered as the settings say. Any other file stays as it is.
"""

import errno
import os
import re
import sqlite3
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate, islice, takewhile, zip_longest
from pathlib import Path
from random import Random
from typing import NamedTuple

from app.payload import Payload, stated
from app.settings import Settings
from app.store import read_only

APPLICATION_ID = 0x4C41_4221
"""The mark in the header of every file that the lab makes, which `file` and SQLite show."""
SCHEMA = {
    "stamp": "CREATE TABLE stamp (text TEXT)",
    "item": "CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT NOT NULL, crc32 INTEGER NOT NULL)",
}
COMPARED_BYTES_MAX = 32_000_000
"""The most text that is compared in a file of the right stamp, about half a second; further rows are counted."""
TRIES_MAX = 10
"""Tries at making the file while other pods make it too."""

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Stamp(NamedTuple):
    """The settings that the content of a file follows from."""

    items: int
    payload: Payload
    seed: int

    def __str__(self) -> str:
        size = self.payload.bytes_of(self.seed, 0) if self.payload.is_fixed else self.payload.text
        return f"items={self.items} payload_bytes={size} seed={self.seed}"

    @classmethod
    def parse(cls, text: str) -> "Stamp":
        """The stamp that a text states. Raises ValueError where it states none."""
        if (match := re.fullmatch(r"items=(\d{1,7}) payload_bytes=([\w.,()]{1,80}) seed=(\d{1,19})", text)) is None:
            raise ValueError("its stamp is not the lab's")
        return cls(int(match[1]), Payload.parse(stated(match[2])), int(match[3]))

    def rows(self) -> Iterator[tuple[int, str, int]]:
        """Every item as id, text and CRC-32; the same settings give the same items in every pod."""
        rng = Random(self.seed)
        for number in range(self.items):
            size = self.payload.bytes_of(self.seed, number)
            text = rng.randbytes(size).hex()[:size]
            yield number, text, zlib.crc32(text.encode())

    def items_within(self, bytes_max: int) -> int:
        """How many items, the first ones, have no more text than that together."""
        if self.payload.is_fixed:
            return min(self.items, bytes_max // self.payload.bytes_of(self.seed, 0))
        sizes = accumulate(self.payload.bytes_of(self.seed, number) for number in range(self.items))
        return sum(1 for _ in takewhile(lambda together: together <= bytes_max, sizes))


def create_store(settings: Settings) -> None:
    """Make and fill the SQLite file unless it is there already. Safe when several pods start at once.

    Raises OSError naming the file, where it cannot be made, and where another file than the lab's own lies there.
    """
    wanted = Stamp(settings.items, Payload.parse(settings.payload_bytes), settings.seed)
    path = Path(os.path.realpath(settings.origin_path))  # a link stays: what it points to is made or replaced
    try:
        for _ in range(TRIES_MAX):
            if _is_made(path, wanted):
                return
        raise OSError(f"{path}: others change it all the time")
    except (OSError, sqlite3.Error) as error:
        link = "" if path == settings.origin_path else f"{settings.origin_path}: "
        raise OSError(f"LAB_ORIGIN_PATH: {link}{error}") from error


def _is_made(path: Path, wanted: Stamp) -> bool:
    """One try to make the file; False where another process came in between. Raises OSError and sqlite3.Error."""
    seen = _seen(path)
    if seen is None:
        why = None
    elif not stat.S_ISREG(seen.st_mode):  # nothing else is opened: a pipe would hang
        why = "no regular file"
    else:
        found = _stamp_of(path)
        is_wanted = found == wanted
        why = _why_not_ours(path, found, COMPARED_BYTES_MAX if is_wanted else None)
        if not _is_still(path, seen):
            return False
        if is_wanted and why is None:
            return True
    if why:
        said = f"{path} is there and not the lab's own ({why}): it is neither used nor replaced"
        raise OSError(f"{said}. Name another path, or remove it yourself")
    return _make(path, wanted, seen)


def _make(path: Path, stamp: Stamp, seen: os.stat_result | None) -> bool:
    """Write the whole file beside its place, then put it there; False where another file has come there meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".half")
    os.close(descriptor)
    try:
        with closing(sqlite3.connect(half)) as store, store:
            store.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for table in SCHEMA.values():
                store.execute(table)
            store.execute("INSERT INTO stamp VALUES (?)", (str(stamp),))
            store.executemany("INSERT INTO item VALUES (?, ?, ?)", stamp.rows())
        os.chmod(half, 0o644)
        if seen is None:
            return _put_where_nothing_is(half, path)
        if not _is_still(path, seen):
            return False
        os.replace(half, path)
        return True
    except sqlite3.Error as error:
        raise OSError(f"{path} cannot be written: {error}") from error
    finally:
        for leftover in (half, f"{half}-journal"):
            Path(leftover).unlink(missing_ok=True)


def _put_where_nothing_is(half: str, path: Path) -> bool:
    try:
        os.link(half, path)  # unlike a rename it replaces nothing
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS or os.path.lexists(path):
            raise
        os.rename(half, path)
    return True


def _seen(path: Path) -> os.stat_result | None:
    """The status of the file at the path, or None where there is none."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _is_still(path: Path, seen: os.stat_result) -> bool:
    now = _seen(path)
    return now is not None and _identity(now) == _identity(seen)


def _identity(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns


def _stamp_of(path: Path) -> Stamp | None:
    """The stamp in a file that carries the lab's mark; None where there is none."""
    try:
        with closing(sqlite3.connect(read_only(path), uri=True)) as store:
            ((text,),) = store.execute("SELECT text FROM stamp")
            ((mark,),) = store.execute("PRAGMA application_id")
            return Stamp.parse(text) if mark == APPLICATION_ID else None
    except (sqlite3.Error, ValueError, TypeError):
        return None


def _why_not_ours(path: Path, stamp: Stamp | None, bytes_max: int | None) -> str | None:
    """The reason why a file is not the lab's own; None where it is.

    All its texts are compared, or the first ones up to `bytes_max`.
    """
    if not path.stat().st_size:
        return "an empty file"
    if stamp is None:
        return "it does not carry the lab's stamp"
    if any(path.with_name(path.name + suffix).exists() for suffix in ("-journal", "-wal", "-shm")):
        return "somebody writes to it: there is a journal beside it"
    try:
        with closing(sqlite3.connect(read_only(path), uri=True)) as store:
            return _what_else_is_in(store, path.stat().st_size, stamp, bytes_max)
    except sqlite3.Error as error:
        return str(error)


def _what_else_is_in(store: sqlite3.Connection, size_bytes: int, stamp: Stamp, bytes_max: int | None) -> str | None:
    if dict(store.execute("SELECT name, sql FROM sqlite_master")) != SCHEMA:
        return "it holds more than the lab's two tables"
    ((pages,),), ((page_bytes,),) = store.execute("PRAGMA page_count"), store.execute("PRAGMA page_size")
    if pages * page_bytes != size_bytes:
        return "something follows its last page"
    ((version,),), ((free,),) = store.execute("PRAGMA user_version"), store.execute("PRAGMA freelist_count")
    if version:
        return "somebody has given it a user_version"
    if free:
        return "it has free pages: something else was in it"
    return None if _holds_the_items(store, stamp, bytes_max) else "its items are not those that the lab wrote"


def _holds_the_items(store: sqlite3.Connection, stamp: Stamp, bytes_max: int | None) -> bool:
    if list(store.execute("SELECT count(*), max(id) FROM item")) != [(stamp.items, stamp.items - 1)]:
        return False
    compared = stamp.items if bytes_max is None else stamp.items_within(bytes_max)
    held = store.execute("SELECT id, text, crc32 FROM item ORDER BY id LIMIT ?", (compared,))
    return all(mine == theirs for mine, theirs in zip_longest(islice(stamp.rows(), compared), held))
