"""A new strategy from the template."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import app.contenders
import app.strategies
import loadtest.cli
import loadtest.cli.new
from app.discovery import discover
from loadtest.cli.new import new_contender, new_strategy


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


@pytest.fixture
def contenders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "_template.py").write_bytes((loadtest.cli.new.CONTENDERS / "_template.py").read_bytes())
    monkeypatch.setattr(loadtest.cli.new, "CONTENDERS", tmp_path)
    monkeypatch.setattr(app.contenders, "__path__", [*app.contenders.__path__, str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize("name", ["brand_new", "redis", "contender", "site"])
def test_what_is_made_from_the_template_is_a_contender_whatever_its_name(contenders: Path, name: str) -> None:
    new_contender(name)
    found = discover(contenders=True)
    assert name not in found.broken_contenders
    assert found.contenders[name].name == name
    assert not (contenders / f"{name}.py").read_text().startswith("#")


def test_a_contender_may_be_made_in_another_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(loadtest.cli.app, ["new", "--contender", "mylib_lab.py"])
    assert made.exit_code == 0, made.output
    assert "Then: lab try mylib_lab.py" in " ".join(made.output.replace("then", "Then").split())
    assert "class MylibLab(Contender)" in (tmp_path / "mylib_lab.py").read_text()
    again = CliRunner().invoke(loadtest.cli.app, ["new", "--contender", "mylib_lab.py"])
    assert again.exit_code == 2
    assert "mylib_lab.py is there already" in again.output


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("swr", "a strategy has that name"),
        ("cashews", "is there already"),
        ("cashews_lock", "that name is a contender's"),
        ("My.py", "letters, digits and _"),
        ("all", "stands for several strategies"),
    ],
)
def test_a_contender_cannot_have_a_name_that_is_taken_or_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, FileExistsError), match=why):
        new_contender(name)
    assert not list(tmp_path.iterdir())
