"""A store whose file or connections break raises `OriginFailed`, and serves again once the file is back."""

import asyncio
import gc
import shutil
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiosqlite.core import _STOP_RUNNING_SENTINEL

from app import store
from app.item import Found
from app.settings import Settings
from app.store import SqliteStore
from app.store_file import create_store
from app.strategy import OriginFailed

Break = Callable[[Path, SqliteStore], None]


def _vanishes(path: Path, _: SqliteStore) -> None:
    path.unlink()


def _becomes_a_folder(path: Path, _: SqliteStore) -> None:
    path.unlink()
    path.mkdir()


def _becomes_junk(path: Path, _: SqliteStore) -> None:
    path.write_bytes(b"junk" * 5_000)


def _is_cut_short(path: Path, _: SqliteStore) -> None:
    with path.open("r+b") as file:
        file.truncate(700)


def _becomes_another_database(path: Path, _: SqliteStore) -> None:
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE item (id INTEGER, text BLOB, crc32 TEXT)")
        other.execute("INSERT INTO item VALUES (3, x'ff', 'none')")
    other.close()


def _its_connections_are_closed(_: Path, opened: SqliteStore) -> None:
    for connection in opened._idle:
        connection.stop()
        connection._thread.join(5)


def _mend(path: Path, good: Path) -> None:
    if path.is_dir():
        path.rmdir()
    shutil.copyfile(good, path)


BREAKS: dict[str, Break] = {
    "the file vanishes": _vanishes,
    "a folder in its place": _becomes_a_folder,
    "junk in its place": _becomes_junk,
    "the file is cut short": _is_cut_short,
    "another database in its place": _becomes_another_database,
    "its connections are closed": _its_connections_are_closed,
}


def play(folder: Path, case: Callable[[Path, SqliteStore], Awaitable[None]]) -> None:
    """A case with a store of ten items; whatever it does, no thread is left."""
    settings = Settings(origin_path=folder / "origin.sqlite", items=10, key_space=12)
    create_store(settings)
    before = set(threading.enumerate())

    async def main() -> None:
        opened = SqliteStore(settings.origin_path)
        try:
            await case(settings.origin_path, opened)
        finally:
            await opened.aclose()
        for thread in set(threading.enumerate()) - before - {threading.current_thread()}:
            if "_connection_worker_thread" not in thread.name:
                continue
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive(), thread

    asyncio.run(main())


@pytest.mark.parametrize("is_warm", [True, False], ids=["while it is open", "before it is opened"])
@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS.keys())
def test_a_broken_store_is_an_origin_that_failed_and_one_that_is_mended_answers(
    tmp_path: Path, broken: Break, is_warm: bool
) -> None:
    async def case(path: Path, opened: SqliteStore) -> None:
        good = path.with_suffix(".good")
        shutil.copyfile(path, good)
        right = await SqliteStoreOnce(good).select(3)
        if is_warm:
            assert await opened.read(3, 0) == right
        broken(path, opened)
        for _ in range(3):
            try:
                assert await opened.read(3, 0) == right  # what is open may outlive its name
            except OriginFailed:
                assert not opened._idle
        _mend(path, good)
        assert await opened.read(3, 0) == right
        assert len(opened._open) == len(opened._idle) == 1

    play(tmp_path, case)


class SqliteStoreOnce:
    """A store for one read."""

    def __init__(self, path: Path) -> None:
        self._store = SqliteStore(path)

    async def select(self, item_id: int) -> Found:
        try:
            return await self._store.read(item_id, 0)
        finally:
            await self._store.aclose()


def test_a_locked_file_is_an_origin_that_failed_until_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LOCKED_S_MAX", 0.05)

    async def case(path: Path, opened: SqliteStore) -> None:
        somebody = sqlite3.connect(path, isolation_level=None)
        somebody.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OriginFailed, match="locked"):
            await opened.read(3, 0)
        somebody.close()
        assert await opened.read(3, 0) is not None

    play(tmp_path, case)


def test_a_thread_that_cannot_begin_is_an_origin_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def case(_: Path, opened: SqliteStore) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(OriginFailed, match="new thread"):
                await opened.read(3, 0)
        assert await opened.read(3, 0) is not None

    play(tmp_path, case)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_thread_that_died_holds_neither_its_reader_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SLOW_S_MAX", 0.2)
    monkeypatch.setattr(store, "CLOSE_S_MAX", 0.2)

    async def kill(opened: SqliteStore) -> None:
        (connection,) = opened._idle
        connection._tx.put_nowait((None, lambda: _STOP_RUNNING_SENTINEL))
        await asyncio.to_thread(connection._thread.join, 5)

    async def case(_: Path, opened: SqliteStore) -> None:
        assert await opened.read(3, 0) is not None
        await kill(opened)
        async with asyncio.timeout(5):
            with pytest.raises(OriginFailed):
                await opened.read(3, 0)
            assert await opened.read(3, 0) is not None
            await kill(opened)
            await opened.aclose()

    play(tmp_path, case)
    gc.collect()  # of what nobody can close any more, while its warning is expected


def test_a_store_that_is_closed_says_so_and_may_be_closed_again(tmp_path: Path) -> None:
    async def case(_: Path, opened: SqliteStore) -> None:
        reading = asyncio.create_task(opened.read(3, 60_000))
        await asyncio.sleep(0.1)
        await opened.aclose()
        assert await reading is not None  # its latency is cut short, not its answer
        await opened.aclose()
        with pytest.raises(OriginFailed, match="closed"):
            await opened.read(3, 0)

    play(tmp_path, case)
