"""The versions of items that are written: a file of SQLite beside the store's, which all pods read and write.

The store's own file is only ever read, so that it stays what the lab made. In this one readers and writers do not wait
for each other (WAL): a read has the version of its beginning.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from app.settings import Settings

APPLICATION_ID = 0x4C41_4256
"""The mark in the header of the file."""
LOCKED_S_MAX = 1.0
"""How long one try to make the file waits for other pods."""
TRIES_MAX = 20
"""Tries at making the file while other pods make it too."""
AGAIN_S = 0.02
"""The pause between two tries."""
_MOMENT = "at_s REAL"


def versions_of(settings: Settings) -> Path | None:
    """The path of the file of versions; None where items are not written."""
    path = settings.origin_path
    return None if settings.invalidation is None else path.with_name(f"{path.name}.versions")


def create_versions(path: Path) -> None:
    """Make the file unless it is there already. Raises OSError for a file of somebody else, and where none can be.

    Pods that start together make it together: to turn a file to WAL, one has to be alone with it for a moment.
    """
    for tries_left in reversed(range(TRIES_MAX)):
        try:
            _create(path)
            return
        except sqlite3.Error as error:
            if not tries_left:
                raise OSError(f"LAB_ORIGIN_PATH: {path}: {error}") from error
            time.sleep(AGAIN_S)


def _create(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=LOCKED_S_MAX, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        ((mark,),) = file.execute("PRAGMA application_id")
        ((tables,),) = file.execute("SELECT count(*) FROM sqlite_master")
        if mark != APPLICATION_ID and (mark or tables):
            raise OSError(f"LAB_ORIGIN_PATH: {path} is there and not the lab's own: name another path")
        file.execute(f"CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, {_MOMENT})")
        if "at_s" not in [name for _, name, *_ in file.execute("PRAGMA table_info(version)")]:
            file.execute(f"ALTER TABLE version ADD COLUMN {_MOMENT}")  # of before writes had a moment
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute("COMMIT")
        file.execute("PRAGMA journal_mode = WAL")
