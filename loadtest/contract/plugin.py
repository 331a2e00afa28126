"""The pytest plugin of the contract: it chooses the strategies of each promise, and where the verdict goes."""

from pathlib import Path

import pytest

from app.discovery import discover
from app.strategies._template import Template
from loadtest.contract.verdict import VerdictFiles
from loadtest.workload.near_names import LAB_LIST, no_such

PACKAGE = f"{__package__}."


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strategy", action="append", metavar="NAME", help="run the contract for this strategy only (repeatable)"
    )
    parser.addoption("--verdict", type=Path, metavar="FOLDER", help="write the first broken promise of each there")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "of_a_cache: a promise that only a strategy that keeps entries can keep; no reference is held to it"
    )
    if asked_for := config.getoption("--strategy"):
        found = discover()
        for name in asked_for:
            if name not in found.strategies and name not in found.broken:
                if name in discover(wrong=True).wrong:
                    raise pytest.UsageError(f"--strategy {name}: it is wrong on purpose and keeps no contract")
                raise pytest.UsageError(f"--strategy: {no_such('strategy', name, found.strategies, LAB_LIST)}")
    if folder := config.getoption("--verdict"):
        config.pluginmanager.register(VerdictFiles(folder))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hold every strategy, and the template of new ones, to each promise that takes `strategy`.

    References are held to it too, unless it is about keeping entries.
    """
    if metafunc.module.__name__.startswith(PACKAGE) and "strategy" in metafunc.fixturenames:
        everything = discover(references=True)
        asked_for, found = metafunc.config.getoption("--strategy"), everything.runnable
        if metafunc.definition.get_closest_marker("of_a_cache"):
            found = everything.strategies
        chosen = {name: found[name] for name in asked_for or found if name in found}
        if not asked_for:
            chosen["_template"] = Template
        metafunc.parametrize("strategy", chosen.values(), ids=chosen)
