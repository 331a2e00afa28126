"""Files of contenders outside the lab are found by their paths, in every process of a run."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.contender_discovery import check_file_name, find_contenders
from app.contender_files import VARIABLE, state_files
from app.contender_names import libraries, place_of
from app.discovery import discover
from loadtest.worlds.ambient import ambient, child_environment

BODY = """
from app.contender import Contender, LoadValue

class Mine(Contender):
    "The idea."

    library = "mylib"

    async def get(self, key: str, load: LoadValue) -> bytes:
        return await load()
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder outside the lab; whatever of it is found is forgotten afterwards."""
    before = dict(sys.modules)
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("app.contenders.")]:
        if name in before:
            sys.modules[name] = before[name]  # which one from outside may have taken the place of
        else:
            del sys.modules[name]


def test_a_file_outside_is_found_by_its_path_and_its_neighbours_are_not(outside: Path) -> None:
    for name in ("mylib_contender", "neighbour"):
        (outside / f"{name}.py").write_text(BODY)
    state_files([Path("mylib_contender.py")])
    found = discover(contenders=True)
    assert found.contenders["mylib_contender"].library == "mylib"
    assert "neighbour" not in found.contenders
    assert "mylib" in libraries()
    assert place_of("mylib_contender") == str(outside / "mylib_contender.py")


def test_it_takes_the_place_of_the_labs_own_of_that_name(outside: Path) -> None:
    (outside / "cashews.py").write_text(BODY)
    state_files([Path("cashews.py")])
    found = find_contenders().strategies
    assert found["cashews"].library == "mylib"
    assert "cashews_lock" not in found


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("broken", BODY + "\nx = 1 / 0\n", r"ZeroDivisionError: division by zero \(line 12\)"),
        ("empty", "", "it has no Contender"),
        ("absent", None, "there is no such Python file"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_harms_no_other(
    outside: Path, name: str, text: str | None, why: str
) -> None:
    if text is not None:
        (outside / f"{name}.py").write_text(text)
    (outside / "whole.py").write_text(BODY)
    state_files([Path(f"{name}.py"), Path("whole.py")])
    found = find_contenders()
    assert "whole" in found.strategies
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(found.broken[name])


def test_a_relative_path_of_the_variable_is_refused(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (outside / "mine.py").write_text(BODY)
    monkeypatch.setenv(VARIABLE, "mine.py")
    assert find_contenders().broken["mine"] == f"{VARIABLE}: its path must be absolute"


def test_children_get_it_and_a_run_records_it_with_its_contents(outside: Path) -> None:
    (outside / "mine.py").write_text(BODY)
    state_files([Path("mine.py")])
    state_files([Path("mine.py")])
    assert child_environment({}, "/")[VARIABLE] == os.environ[VARIABLE] == str(outside / "mine.py")
    first = ambient(is_virtual=True)[f"{VARIABLE} mine.py"]
    (outside / "mine.py").write_text(BODY + "\n")
    assert first.startswith(str(outside / "mine.py"))
    assert ambient(is_virtual=True)[f"{VARIABLE} mine.py"] != first


@pytest.mark.parametrize("name", ["swr", "Mine", "my-lib", "class", "3"])
def test_a_name_that_no_contender_may_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        check_file_name(name)
