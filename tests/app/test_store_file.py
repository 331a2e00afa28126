"""The store's file: made when it is not there, replaced when it is the lab's own, and never anybody else's."""

import os
import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

import app.store_file
from app.settings import Settings
from app.store_file import create_store


def settings(path: Path, items: int = 5) -> Settings:
    return Settings(origin_path=path, items=items, key_space=1_000)


def items_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as store:
        ((count,),) = store.execute("SELECT count(DISTINCT text) FROM item")
    return int(count)


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as store, store:
        for statement in statements:
            store.execute(statement)


def test_pods_that_start_at_once_make_one_and_the_same_store(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pods:
        list(pods.map(create_store, [settings(tmp_path / "origin.sqlite", 200)] * 8))
    assert [path.name for path in tmp_path.iterdir()] == ["origin.sqlite"]
    assert items_in(tmp_path / "origin.sqlite") == 200


def test_a_store_of_other_settings_is_the_labs_own_and_made_anew(tmp_path: Path) -> None:
    for items in (5, 9):
        create_store(settings(tmp_path / "origin.sqlite", items))
        assert items_in(tmp_path / "origin.sqlite") == items
    assert [path.name for path in tmp_path.iterdir()] == ["origin.sqlite"]


def test_a_store_of_the_same_settings_is_left_as_it_is(tmp_path: Path) -> None:
    create_store(settings(tmp_path / "origin.sqlite"))
    before = (tmp_path / "origin.sqlite").stat()
    create_store(settings(tmp_path / "origin.sqlite"))
    after = (tmp_path / "origin.sqlite").stat()  # but for when it was read
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)


@pytest.mark.parametrize("name", ["100 %/a?b#c.sqlite", "häuser & söhne/origin.sqlite"])
def test_a_path_may_hold_what_means_something_in_a_uri(tmp_path: Path, name: str) -> None:
    for items in (5, 9):
        create_store(settings(tmp_path / name, items))
        assert items_in(tmp_path / name) == items


def text(path: Path) -> None:
    path.write_text("my diary")


def empty(path: Path) -> None:
    path.touch()


def database(path: Path) -> None:
    change(path, "CREATE TABLE invoice (id INTEGER)", "INSERT INTO invoice VALUES (1)")


def database_with_a_stamp(path: Path) -> None:
    stamp = "items=5 payload_bytes=512 seed=1"
    change(path, "CREATE TABLE stamp (text TEXT)", f"INSERT INTO stamp VALUES ('{stamp}')")


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_text(path: Path) -> None:
    path.with_name("diary.txt").write_text("my diary")
    path.symlink_to("diary.txt")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def of_the_lab(*statements: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        create_store(settings(path))
        change(path, *statements)

    return make


def of_the_lab_with_a_tail(path: Path) -> None:
    create_store(settings(path))
    with path.open("ab") as file:
        file.write(b"my diary")


def of_the_lab_with_a_journal(path: Path) -> None:
    create_store(settings(path))
    path.with_name(f"{path.name}-wal").write_bytes(b"")


OTHERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a text": (text, "does not carry the lab's stamp"),
    "an empty file": (empty, "an empty file"),
    "a database": (database, "does not carry the lab's stamp"),
    "a database with such a stamp": (database_with_a_stamp, "does not carry the lab's stamp"),
    "a folder": (folder, "no regular file"),
    "a pipe": (pipe, "no regular file"),
    "a link to a text": (link_to_a_text, "does not carry the lab's stamp"),
    "a link to itself": (link_to_itself, "no regular file"),
    "with a table": (of_the_lab("CREATE TABLE notes (text TEXT)"), "more than the lab's two tables"),
    "with a view": (of_the_lab("CREATE VIEW texts AS SELECT text FROM item"), "more than the lab's two tables"),
    "with a row": (of_the_lab("INSERT INTO item VALUES (77, 'mine', 0)"), "not those that the lab wrote"),
    "with another text": (of_the_lab("UPDATE item SET text = 'mine' WHERE id = 3"), "not those that the lab wrote"),
    "without a row": (of_the_lab("DELETE FROM item WHERE id = 4"), "not those that the lab wrote"),
    "with a user_version": (of_the_lab("PRAGMA user_version = 7"), "given it a user_version"),
    "with free pages": (
        of_the_lab("CREATE TABLE notes (text TEXT)", "INSERT INTO notes VALUES ('mine')", "DROP TABLE notes"),
        "free pages",
    ),
    "without its stamp": (of_the_lab("DELETE FROM stamp"), "does not carry the lab's stamp"),
    "with another stamp": (of_the_lab("UPDATE stamp SET text = 'mine'"), "does not carry the lab's stamp"),
    "with something behind it": (of_the_lab_with_a_tail, "something follows its last page"),
    "with a journal": (of_the_lab_with_a_journal, "a journal beside it"),
}


def everything_in(folder: Path) -> dict[str, object]:
    """What lies there: names with contents, or with what kind of thing it is."""
    return {
        path.name: path.read_bytes() if stat.S_ISREG(path.lstat().st_mode) else oct(path.lstat().st_mode)
        for path in folder.iterdir()
    }


@pytest.mark.parametrize(("make", "reason"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("items", [5, 9])  # with the settings that the stamp tells of, and with others
def test_what_is_not_the_labs_own_is_named_and_stays(
    tmp_path: Path, make: Callable[[Path], None], reason: str, items: int
) -> None:
    path = tmp_path / "origin.sqlite"
    make(path)
    before = everything_in(tmp_path)
    with pytest.raises(OSError, match=rf"LAB_ORIGIN_PATH: {path}.* is there and not the lab's own .*{reason}"):
        create_store(settings(path, items))
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize(
    ("statement", "is_seen"),
    [
        ("DELETE FROM item WHERE id = 3", True),
        ("UPDATE item SET id = 77 WHERE id = 3", True),
        ("UPDATE item SET text = 'mine' WHERE id = 1", True),
        ("UPDATE item SET text = 'mine' WHERE id = 3", False),
    ],
)
def test_of_a_large_store_the_rows_are_counted_and_the_first_texts_compared(
    tmp_path: Path, statement: str, is_seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.store_file, "COMPARED_BYTES_MAX", 2 * 512 + 1)
    path = tmp_path / "origin.sqlite"
    of_the_lab(statement)(path)
    with pytest.raises(OSError, match="not those that the lab wrote") if is_seen else nullcontext():
        create_store(settings(path))


def test_a_link_stays_one_and_its_target_is_made_and_replaced(tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to("target.sqlite")
    for items in (5, 9):
        create_store(settings(link, items))
        assert link.is_symlink()
        assert items_in(tmp_path / "target.sqlite") == items


@pytest.mark.parametrize("is_there_already", [False, True])
def test_what_comes_while_the_file_is_being_made_stays(
    tmp_path: Path, is_there_already: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, make = tmp_path / "origin.sqlite", app.store_file._make
    if is_there_already:
        create_store(settings(path))

    def make_while_somebody_writes(path: Path, stamp: app.store_file.Stamp, seen: os.stat_result | None) -> bool:
        path.unlink(missing_ok=True)
        path.write_text("my diary")
        return make(path, stamp, seen)

    monkeypatch.setattr(app.store_file, "_make", make_while_somebody_writes)
    with pytest.raises(OSError, match="not the lab's own"):
        create_store(settings(path, items=9))
    assert everything_in(tmp_path) == {"origin.sqlite": b"my diary"}


def test_a_file_system_without_links_gets_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    create_store(settings(tmp_path / "origin.sqlite"))
    assert items_in(tmp_path / "origin.sqlite") == 5


def test_where_nothing_can_be_made_the_path_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=str(tmp_path / "file")):
        create_store(settings(tmp_path / "file" / "origin.sqlite"))


def test_no_half_of_a_file_is_left_when_it_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(app.store_file.Stamp, "rows", full)
    with pytest.raises(OSError, match=r"origin\.sqlite cannot be written: database or disk is full"):
        create_store(settings(tmp_path / "origin.sqlite"))
    assert list(tmp_path.iterdir()) == []
