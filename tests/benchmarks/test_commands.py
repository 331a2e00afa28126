"""`python -m benchmarks`, as `make` calls it."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from loadtest import ROOT

COMMANDS = ["simspeed", "loadlimit", "hitpath", "seams", "readme"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_its_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0, result.output
    assert f"{command} [OPTIONS]" in result.stdout


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys; from benchmarks.__main__ import app; app(['--help'], standalone_mode=False)\n"
        "print(sorted(name for name in sys.modules if name.startswith(('benchmarks.', 'numpy', 'pydantic', 'app'))))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert all(f"│ {command} " in ended.stdout for command in COMMANDS)
    assert ended.stdout.splitlines()[-1] == "['benchmarks.__main__', 'benchmarks.cli']"


def test_a_block_that_is_not_there_is_named() -> None:
    result = CliRunner().invoke(app, ["readme", "--only", "nope"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "there is no block 'nope'" in result.stderr


def test_the_seams_are_measured_over_a_real_redis() -> None:
    result = CliRunner().invoke(app, ["seams", "--hits", "200", "--rounds", "1", "--keys", "10"])
    assert result.exit_code == 0, result.output
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == [
        "a hit",
        "one call deeper",
        "with a count",
        "with a setting",
        "from a copy",
    ]
