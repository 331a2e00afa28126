"""The contenders that the lab comes with: which there are, and what they state."""

import ast
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from app.contender_discovery import find_contenders
from app.contender_strategy import ContenderStrategy
from loadtest import ROOT

FOUND = find_contenders()
TOLD = (ROOT / "docs" / "league" / "libraries.md").read_text(encoding="utf-8")


def test_every_contender_is_found_with_its_library() -> None:
    assert (FOUND.missing, FOUND.broken) == ({}, {})
    assert len({one.contender.library for one in FOUND.strategies.values()}) >= 8
    assert len(FOUND.strategies) >= 10


@pytest.mark.parametrize("name", FOUND.strategies)
def test_a_contender_states_where_its_setting_is_shown(name: str) -> None:
    contender = FOUND.strategies[name].contender
    assert contender.documentation.startswith("https://")
    assert re.search(r"^ *Setting:   \S.*^ *Reference: \S", contender.__doc__ or "", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("contender", FOUND.strategies.values(), ids=lambda one: one.name)
def test_a_contender_is_told_of_with_the_version_that_is_pinned(contender: type[ContenderStrategy]) -> None:
    library = contender.contender.library
    rows = [row for row in TOLD.splitlines() if row.startswith(f"| [{library}](")]
    assert len(rows) == 1
    assert f"| {version(library)}, 20" in rows[0]
    assert f"`{contender.name}`" in rows[0].rpartition(" | ")[2]


@pytest.mark.parametrize("path", sorted((ROOT / "app" / "contenders").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_a_setting_is_less_than_thirty_lines_of_code(path: Path) -> None:
    classes = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    lines = {
        one.name: {node.lineno for part in one.body[1:] for node in ast.walk(part) if hasattr(node, "lineno")}
        for one in classes
    }
    assert {name: len(of) for name, of in lines.items() if len(of) >= 30} == {}
