"""A new strategy from the template."""

from pathlib import Path

import pytest

import app.strategies
import loadtest.cli.new
from app.discovery import discover
from loadtest.cli.new import new_strategy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "_template.py").write_bytes((loadtest.cli.new.FOLDER / "_template.py").read_bytes())
    monkeypatch.setattr(loadtest.cli.new, "FOLDER", tmp_path)
    monkeypatch.setattr(app.strategies, "__path__", [*app.strategies.__path__, str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize("name", ["brand_new", "lookup", "status", "strategy", "load_reason", "loader", "template"])
def test_what_is_made_from_the_template_is_a_strategy_whatever_its_name(folder: Path, name: str) -> None:
    new_strategy(name)
    text = (folder / f"{name}.py").read_text()
    found = discover()
    assert name not in found.broken
    assert found.strategies[name].name == name
    class_name = text.partition("class ")[2].partition("(")[0]
    assert class_name not in text.partition("class ")[0].replace(",", " ").split(), "it hides what it imports"


@pytest.mark.parametrize("is_link", [False, True])
def test_nothing_that_is_there_is_overwritten(folder: Path, is_link: bool) -> None:
    there = folder / "mine.py"
    if is_link:
        there.symlink_to("nowhere.py")
    else:
        there.write_text("mine")
    with pytest.raises(FileExistsError, match=r"app/strategies/mine\.py is there already"):
        new_strategy("mine")
    assert there.is_symlink() if is_link else there.read_text() == "mine"
    assert not (folder / "nowhere.py").exists()
