"""A library of one's own that lies there is not looked for in an index, where its name may be a stranger's."""

from pathlib import Path

import pytest

from app.contender_files import VARIABLE
from loadtest.workload.absent_library import why_absent

INSTALL = "pip install swift_cache_of_mine"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine.py"
    path.write_text("import json\nfrom swift_cache_of_mine.kept import Cache\n")
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def test_a_library_that_lies_nowhere_is_told_with_the_command_that_installs_it(file: Path) -> None:
    assert why_absent("mine", "mine", INSTALL) == f"mine needs what is not installed: {INSTALL}"


@pytest.mark.parametrize("made", ["swift_cache_of_mine.py", "swift_cache_of_mine/__init__.py"])
def test_a_module_beside_the_file_is_told_with_the_path(file: Path, made: str) -> None:
    (file.parent / made).parent.mkdir(exist_ok=True)
    (file.parent / made).touch()
    told = why_absent("mine", "mine", INSTALL)
    assert INSTALL not in told
    assert f"lies in {file.parent} and is not on the path: set PYTHONPATH={file.parent}" in told


def test_a_project_of_ones_own_is_installed_from_its_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "swift_cache_of_mine.py").touch()
    (file.parent / "pyproject.toml").touch()
    monkeypatch.chdir(file.parent)
    told = why_absent("mine", "mine", INSTALL)
    assert told.endswith("pip install -e ., or set PYTHONPATH=.")
