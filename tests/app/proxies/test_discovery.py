"""Files of proxies, found by name: a broken one is told and harms no other."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import app.proxies
from app.discovery import discover

MINE = """
from app.proxies.nginx import Nginx

class Mine(Nginx):
    program = "sh"

class MineTwice(Mine):
    setting = "twice"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    monkeypatch.setattr(app.proxies, "__path__", [*app.proxies.__path__, str(tmp_path)])
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("app.proxies."):
            del sys.modules[name]


def test_a_third_proxy_is_one_more_file(folder: Path) -> None:
    (folder / "mine.py").write_text(MINE)
    found = discover(contenders="mine_twice")
    assert [*found.contenders] == ["mine", "mine_twice"]
    assert found.choose("mine") == ["mine"]
    assert not {"mine", "mine_twice"} & {*found.groups["all"], *found.groups["default"]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero (line 1)"),
        ("", "ValueError: it has no Proxy"),
        (
            "from app.proxy import Proxy\nclass Mine(Proxy):\n    library = program = 'sh'\n",
            "TypeError: Mine does not define all that a Proxy states",
        ),
    ],
)
def test_a_broken_one_is_told_and_harms_no_other(folder: Path, text: str, why: str) -> None:
    (folder / "other.py").write_text(MINE)
    (folder / "mine.py").write_text(text)
    found = discover(contenders="mine,other")
    assert found.broken_contenders == {"mine": why}
    assert [*found.contenders] == ["other", "other_twice"]
