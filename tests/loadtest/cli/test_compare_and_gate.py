"""`lab compare` and `lab gate`, as a shell and a CI job see them."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from typer.testing import CliRunner, Result

from app.discovery import discover
from loadtest import ROOT
from loadtest.cli import app
from loadtest.stats.rows import figure_names
from loadtest.workload.gate import parse_gate
from tests.run_directory import repeats, write_run

WORKFLOW = ROOT / "docs" / "ci" / "github-actions.yml"


@pytest.fixture(autouse=True)
def outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "one", [*repeats("naive"), *repeats("mine", origin_peak_1s=9, p99_ms=24.0)])


def lab(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def flat(text: str) -> str:
    return " ".join(text.split())


def test_gates_that_hold_exit_0(run: Path) -> None:
    result = lab("gate", run, "--max", "mine.origin_peak_1s<=10", "--ratio", "mine.p99_ms/naive.p99_ms<=0.3",
                 "--min", "mine.hit_ratio >= 0.9")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.count("passed") == 3


@pytest.mark.parametrize("sign", ["<=", " <= ", "<= ", "\t<=\n"])
def test_a_text_may_hold_several_gates_with_or_without_spaces_around_their_signs(run: Path, sign: str) -> None:
    result = lab("gate", run, "--max", f"mine.origin_peak_1s{sign}10 mine.errors{sign}0  naive.errors{sign}0",
                 "--ratio", f"mine.p99_ms / naive.p99_ms{sign}0.3 mine.p99_ms/naive.p99_ms{sign}0.4")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.count("passed") == 5


def test_a_missed_gate_exits_1_and_names_row_value_and_bound(run: Path) -> None:
    result = lab("gate", run, "--max", "mine.origin_peak_1s <= 8", "--max", "mine.errors <= 0")
    assert result.exit_code == 1
    assert "mine.origin_peak_1s is 9 (median of 5 repeats: 9, 9, 9, 9, 9); the bound is <= 8" in flat(result.stderr)
    assert "mine.errors" not in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--max", "yours.errors <= 0"], "name one of naive, mine"),
        (["--max", "mine.p98_ms <= 0"], "p99_ms"),
        (["--max", "mine.errors"], "is no gate"),
        (["--max", "mine.errors >= 0"], "belongs to --min"),
        (["--max", "mine.errors / naive.errors <= 1"], "belongs to --ratio"),
        (["--min", "mine.errors <= 0"], "belongs to --max"),
        ([], "no gate: name one"),
    ],
)
def test_what_cannot_be_asked_exits_2(run: Path, words: list[str], told: str) -> None:
    result = lab("gate", run, *words)
    assert result.exit_code == 2
    assert told in flat(result.stderr)


def test_a_run_without_figures_and_one_that_is_no_result_exit_3(tmp_path: Path) -> None:
    assert lab("gate", tmp_path, "--max", "mine.errors <= 0").exit_code == 3
    run = write_run(tmp_path / "one", [*repeats("mine", valid=False, errors=9), *repeats("naive")])
    report = tmp_path / "gates.xml"
    result = lab("gate", run, "--max", "mine.errors <= 0", "--junit", report)
    assert result.exit_code == 3
    assert ElementTree.parse(report).find("testsuite/testcase/error") is not None
    assert lab("gate", run, "--max", "naive.errors <= 0").exit_code == 0, "nobody asked about the other"
    assert lab("gate", tmp_path / "absent", "--max", "mine.errors <= 0").exit_code == 2


def test_gates_come_from_the_scenario_too(tmp_path: Path) -> None:
    gates = ["mine.origin_peak_1s <= 70", "mine.p99_ms / naive.p99_ms <= 0.5"]
    run = write_run(tmp_path / "one", [*repeats("mine"), *repeats("naive")], {"gates": gates})
    result = lab("gate", run)
    assert result.exit_code == 1
    assert "mine.p99_ms / naive.p99_ms is 1, from" in flat(result.stderr)
    write_run(run, repeats("mine"), {"gates": "mine.errors <= 0"})
    assert lab("gate", run).exit_code == 2


def test_an_absolute_latency_is_judged_with_a_warning(run: Path) -> None:
    result = lab("gate", run, "--max", "mine.p99_ms <= 30")
    assert result.exit_code == 0
    assert "latency is another on every machine" in flat(result.stderr)


def test_a_ci_job_gets_junit_markdown_and_its_step_summary(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    junit, markdown = tmp_path / "gates.xml", tmp_path / "gates.md"
    result = lab("gate", run, "--max", "mine.origin_peak_1s <= 8", "--junit", junit, "--markdown", markdown)
    assert result.exit_code == 1, "the files are there although it failed"
    failure = ElementTree.parse(junit).find("testsuite/testcase/failure")
    assert failure is not None
    assert "the bound is <= 8" in (failure.get("message") or "")
    assert "0 of 1 passed" in markdown.read_text()
    assert summary.read_text().startswith("before\n### Gates: 0 of 1 passed")
    assert not list(tmp_path.glob(".*")), "nothing half is left"


@pytest.mark.parametrize("option", ["--junit", "--markdown"])
@pytest.mark.parametrize(("bound", "code"), [("mine.errors <= 0", 0), ("mine.requests <= 0", 1)])
def test_a_file_that_cannot_be_written_decides_nothing(
    option: str, bound: str, code: int, run: Path, tmp_path: Path
) -> None:
    result = lab("gate", run, "--max", bound, option, tmp_path / "absent" / "gates.xml")
    assert result.exit_code == code, result.output
    assert "gates.xml" in flat(result.stderr).replace(" ", "")


def test_a_difference_is_information_and_exits_0(run: Path, tmp_path: Path) -> None:
    markdown = tmp_path / "compared.md"
    result = lab("compare", f"{run}:naive", f"{run}:mine", "--markdown", markdown)
    assert result.exit_code == 0, result.output
    assert "naive / mine" in result.stdout
    assert "lower" in result.stdout
    assert "| naive / mine" in markdown.read_text()


def test_two_runs_are_found_by_commit_and_what_differs_is_a_warning(run: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "two", repeats("mine", world="stack"), commit="fedcba9876")
    result = lab("compare", "abc1234", "fedcba9", "--results", tmp_path)
    assert result.exit_code == 0, result.output
    assert "not comparable: world is native in A and stack in B" in flat(result.stderr)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{run}", "{run}/absent"], "no such run directory, and it is no commit"),
        (["{run}", "{run}:yours"], "name one of naive, mine"),
        (["{run}", "0000000"], "no run of that commit"),
    ],
)
def test_a_run_that_is_not_there_exits_2(run: Path, words: list[str], told: str) -> None:
    result = lab("compare", *(word.format(run=run) for word in words))
    assert result.exit_code == 2
    assert told in flat(result.stderr)


def workflow_steps() -> Iterator[dict[str, Any]]:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert 0 < job["timeout-minutes"] <= 60
        yield from job["steps"]


def test_the_example_workflow_gates_strategies_and_figures_that_there_are() -> None:
    (row,) = repeats("any", 1)
    commands = [shlex.split(step["run"]) for step in workflow_steps() if "lab gate" in step.get("run", "")]
    assert commands
    for words in commands:
        assert "--junit" in words
        options = dict(zip(words[3::2], words[4::2], strict=True))
        assert set(options) <= {"--max", "--min", "--ratio", "--junit", "--markdown"}
        for option, text in zip(words[3::2], words[4::2], strict=True):
            if option in {"--max", "--min", "--ratio"}:
                gate = parse_gate(text)
                assert not gate.warning
                assert {term.strategy for term in gate.terms} <= set(discover().strategies)
                assert {term.figure for term in gate.terms} <= set(figure_names([row]))


def test_the_example_workflow_runs_targets_that_there_are_and_keeps_the_report() -> None:
    steps = list(workflow_steps())
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {step["run"].split()[1] for step in steps if step.get("run", "").startswith("make ")}
    assert targets == {"bench", "sim"}
    assert re.search(r"^bench:", makefile, re.MULTILINE)
    uploads = [step for step in steps if "upload-artifact" in step.get("uses", "")]
    assert len(uploads) == 2
    assert all(step["if"] == "always()" for step in uploads)


def test_the_example_workflow_takes_no_action_and_no_machine_that_can_be_changed_under_it() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert len(used) == sum("uses" in step for step in workflow_steps())
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert "latest" not in "".join(re.findall(r"runs-on: .*|image: .*", text))


OUTAGE = """
title = "The origin fails"
duration_s = 14
pods = 2
gates = ["swr.recovers_after_s <= 2", "static.failed_during > 10"]
faults = [{ kind = "origin-fails", at_s = 6, for_s = 2 }]
load = { loop = "open", rate_per_s = 60 }
keys = { count = 4 }
cache = { ttl_s = 2 }
origin = { latency = "fixed(50)", connections = 8 }
"""


def test_errors_under_a_planned_fault_are_figures_and_the_gates_of_its_scenario_decide(tmp_path: Path) -> None:
    (tmp_path / "outage.toml").write_text(OUTAGE)
    words = [
        "sim",
        "--scenario",
        str(tmp_path / "outage.toml"),
        "--strategies",
        "static,swr",
        "--results",
        str(tmp_path),
    ]
    simulated = lab(*words)
    assert simulated.exit_code == 0, simulated.output
    assert "After the trigger (from 6 to 8 s): static and swr were back at once" in simulated.output
    folder = tmp_path / "latest"
    rows = {row["strategy"]: row for row in json.loads((folder / "summary.json").read_text("utf-8"))["runs"]}
    assert rows["static"]["errors"] == rows["static"]["failed_during"] > 10
    assert rows["static"]["valid"]
    assert lab("gate", folder).exit_code == 0
    assert lab("gate", folder, "--max", "static.failed_during <= 0").exit_code == 1


def test_each_is_every_strategy_of_the_run_and_what_needs_a_healthy_run_is_left_out(tmp_path: Path) -> None:
    rows = [*repeats("naive"), *repeats("mine", origin_peak_1s=9), *repeats("none", origin_peak_1s=900)]
    for one in rows[-5:]:
        one["is_reference"] = True
    stated = {"gates": ["each.origin_peak_1s <= 10", "each.errors / healthy.errors <= 3"]}
    result = lab("gate", write_run(tmp_path / "one", rows, stated))
    assert result.exit_code == 1, result.output
    assert "passed mine.origin_peak_1s <= 10" in flat(result.stdout)
    assert "failed naive.origin_peak_1s <= 10" in flat(result.stdout)
    assert "none.origin_peak_1s" not in result.stdout
    assert "each.errors / healthy.errors <= 3: left out" in flat(result.stderr)
