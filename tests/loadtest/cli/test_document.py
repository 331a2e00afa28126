"""--json leaves one JSON document on stdout and nothing else; --quiet leaves errors alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from loadtest.cli import COMMANDS, TABLES, app
from loadtest.cli.document import _finite
from loadtest.figures.run_summary import NEVER
from loadtest.workload.schema import SCHEMA


def lab(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results of one short simulation of the baseline and another strategy."""
    folder = tmp_path_factory.mktemp("results")
    assert lab("sim", "--duration", 11, "--strategies", "static,swr", "--results", folder, "--quiet").output == ""
    return folder


def told(*words: object, code: int = 0) -> dict[str, Any]:
    result = lab(*words, "--json")
    assert result.exit_code == code, result.stderr
    document = json.loads(result.stdout)
    assert document["schema"] == SCHEMA
    assert isinstance(document, dict)
    return document


def test_a_run_tells_what_its_summary_holds_and_its_folder(tmp_path: Path) -> None:
    document = told("sim", "--duration", 11, "--strategies", "static", "--results", tmp_path)
    kept = json.loads((Path(document.pop("folder")) / "summary.json").read_text())
    assert document == kept
    assert {row["strategy"] for row in document["runs"]} == {"static", "nocache"}


def test_people_read_stderr_meanwhile(results: Path) -> None:
    result = lab("gate", results / "latest", "--max", "static.errors <= 0", "--json")
    assert "passed" in result.stderr
    assert "passed  " not in result.stdout


def test_a_verdict_that_fails_is_told_whole(results: Path) -> None:
    document = told("gate", results / "latest", "--max", "static.origin_reads <= 1", code=1)
    (gate,) = document["gates"]
    assert gate["outcome"] == "failed"
    assert gate["value"] > 1


def test_two_strategies_are_compared_by_figure(results: Path) -> None:
    document = told("compare", f"{results}/latest:static", f"{results}/latest:swr")
    assert {"origin_reads", "steady_peak_1s"} <= {one["figure"] for one in document["findings"]}
    assert all(isinstance(value, int | float) for one in document["findings"] for value in (*one["a"], *one["b"]))


def test_lists_are_told(results: Path) -> None:
    document = told("list")
    assert any(one["name"] == "swr" and one["parameters"] for one in document["strategies"])
    assert told("break")["breaks"]


def test_bad_input_leaves_stdout_empty() -> None:
    for words in (("sim", "--scenario", "no-such"), ("gate", "no-such"), ("compare", "a", "b")):
        result = lab(*words, "--json")
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "error:" in result.stderr


def test_quiet_leaves_the_error_alone(results: Path) -> None:
    assert lab("list", "--quiet").output == ""
    result = lab("gate", results / "latest", "--max", "static.origin_reads <= 1", "--quiet")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: static.origin_reads is ")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_quiet_and_each_with_a_table_has_a_document(command: str) -> None:
    said = lab(command, "--help").stdout
    assert "--quiet" in said
    assert ("--json" in said) == (command in TABLES)


def test_a_number_that_json_has_no_word_for_is_null() -> None:
    assert _finite({"a": [float("inf"), float("nan"), 1.5], "b": (NEVER,)}) == {"a": [None, None, 1.5], "b": [NEVER]}
