"""`lab report A B …`: several runs in one page."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from loadtest.cli import app


def lab(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three simulated runs that differ in their strategies, and the last in pods and seed."""
    results = tmp_path_factory.mktemp("runs")
    for pods, names in ((3, "static,swr"), (3, "static,jitter"), (2, "static")):
        options = ["--duration", 11, "--repeats", 3, "--no-reference", "--results", results, "--quiet"]
        assert lab("sim", "--strategies", names, "--pods", pods, "--seed", pods, *options).exit_code == 0
    return sorted(path for path in results.iterdir() if not path.is_symlink())


def page(runs: list[Path], tmp_path: Path) -> tuple[dict[str, Any], Path]:
    result = lab("report", *runs, "--results", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    return told, Path(told["folder"])


def test_each_run_has_a_letter_and_each_strategy_of_each_run_a_line(runs: list[Path], tmp_path: Path) -> None:
    told, folder = page(runs, tmp_path)
    assert [run["letter"] for run in told["runs"]] == ["A", "B", "C"]
    for form in ("report.md", "report.html"):
        text = (folder / form).read_text()
        for name in ("static · A", "static · B", "static · C", "swr · A", "jitter · B"):
            assert name in text.replace("<wbr>", ""), f"{name} in {form}"


def test_each_later_run_stands_beside_the_first_by_its_own_letter(runs: list[Path], tmp_path: Path) -> None:
    told, folder = page(runs, tmp_path)
    assert told["compared"].keys() == {"B", "C"}
    assert all(one["verdict"] == "identical" for one in told["compared"]["B"]["findings"]), "the same seeds"
    assert any(one["a"] != one["b"] for one in told["compared"]["C"]["findings"]), "another seed"
    assert "only in A: swr" in told["compared"]["C"]["warnings"]
    assert "C / A" in (folder / "report.md").read_text()


def test_what_differs_is_told_and_what_does_not_is_left_out(runs: list[Path], tmp_path: Path) -> None:
    told, _ = page(runs, tmp_path)
    assert told["differences"]["pods"] == ["3", "3", "2"]
    assert "cache.ttl_s" not in told["differences"]


def test_a_page_of_runs_is_no_run(runs: list[Path], tmp_path: Path) -> None:
    _, folder = page(runs, tmp_path)
    result = lab("report", runs[0], folder)
    assert result.exit_code == 2
    assert "is a page of several runs" in " ".join(result.stderr.split())


def test_a_run_that_is_none_is_named_before_anything_is_made(runs: list[Path], tmp_path: Path) -> None:
    result = lab("report", runs[0], tmp_path / "none", "--results", tmp_path / "results")
    assert result.exit_code == 2
    assert "there is no such run directory" in " ".join(result.stderr.split())
    assert not (tmp_path / "results").exists()
