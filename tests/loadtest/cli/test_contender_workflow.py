"""The example for a library's own CI: its commands are run as they stand, all but the installation."""

import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from app.contender_files import VARIABLE
from loadtest import ROOT
from loadtest.cli import app, try_contender
from loadtest.contract.behaviour.examination import examine
from loadtest.contract.behaviour.probes import PROBES
from loadtest.workload.scenario import read_scenario

FOLDER = ROOT / "docs" / "ci"
WORKFLOW: dict[str, Any] = yaml.safe_load((FOLDER / "contender.yml").read_text(encoding="utf-8"))
STEPS = WORKFLOW["jobs"]["one-load-per-expiry"]["steps"]
COMMANDS = [shlex.split(step["run"]) for step in STEPS if "run" in step]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A library's repository with the example's files in it."""
    before = set(sys.modules)
    (tmp_path / "stampede").mkdir()
    for name in ("mylib_contender.py", "mylib.toml"):
        shutil.copy(FOLDER / name, tmp_path / "stampede")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("app.contenders."):
            del sys.modules[name]


def test_its_commands_pass_in_a_librarys_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install, *lab = COMMANDS
    assert install[:2] == ["pip", "install"]
    held = lab[-1][lab[-1].index("--hold") + 1].split(",")
    # the others are asked in other tests
    asked = [probe for probe in PROBES if probe.name in held]
    assert len(asked) == len(held)
    monkeypatch.setattr(try_contender, "examine", partial(examine, probes=asked))
    for words in lab:
        assert words[0] == "lab"
        ended = CliRunner().invoke(app, words[1:], env={"COLUMNS": "200"})
        assert ended.exit_code == 0, (words, ended.output)
    assert "results/gates.xml" in lab[1]
    for name in ("gates.xml", "findings.json", "latest"):
        assert (repository / "results" / name).exists()


def test_a_contender_that_protects_nothing_fails_its_gates(repository: Path) -> None:
    file = repository / "stampede" / "mylib_contender.py"
    unlocked = re.sub(r"async with self\.redis\.lock\(.*\):", "if True:", file.read_text())
    assert "self.redis.lock(" not in unlocked
    file.write_text(unlocked)
    _, run, gate, _ = COMMANDS
    assert CliRunner().invoke(app, run[1:]).exit_code == 0
    ended = CliRunner().invoke(app, gate[1:], env={"COLUMNS": "200"})
    assert ended.exit_code == 1
    assert re.search(r"failed +mylib_contender\.stampedes\.hot\.max <= 1", ended.output)


def test_it_installs_the_library_and_extras_that_there_are_from_a_repository() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (install,) = (words for words in COMMANDS if words[0] == "pip")
    what, _, where = install[3].partition(" @ ")
    name, _, extras = what.rstrip("]").partition("[")
    assert (install[2], name, where) == (".", stated["name"], "$LAB")
    assert set(extras.split(",")) <= set(stated["optional-dependencies"])
    assert WORKFLOW["env"]["LAB"].startswith("git+https://")


def test_its_scenario_asks_three_pods_and_its_file_is_short() -> None:
    scenario = read_scenario(str(FOLDER / "mylib.toml"))
    assert scenario.pods == 3
    assert any("stampedes.hot.max <= 1" in gate for gate in scenario.gates)
    lines = (FOLDER / "mylib_contender.py").read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) < 30


def test_its_actions_are_pinned() -> None:
    used = re.findall(r"uses: (.*)", (FOLDER / "contender.yml").read_text(encoding="utf-8"))
    assert len(used) == sum("uses" in step for step in STEPS)
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
