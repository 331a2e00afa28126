"""A run with cache failures, in which nothing was broken on purpose, says so everywhere and is no result."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from loadtest.cli import app
from loadtest.figures.failures import Failures, Kind, failures_found
from loadtest.figures.incident import Incident
from loadtest.workload.scenario import Scenario
from loadtest.worlds import virtual
from tests.loadtest.sim import policy_of_before

SCENARIO = """
title = "A pod that is busy with its first load, and a Redis that is well"
duration_s = 3.0
pods = 1
load = { loop = "open", rate_per_s = 100 }
keys = { count = 100 }
cache = { ttl_s = 60 }
origin = { latency = "fixed(20)", connections = 64 }
virtual = { redis = "fixed(0.5)", service_us = 1000, load_us = 20000 }
"""
BROKEN = """
[[faults]]
kind = "cache-away"
at_s = 1.0
for_s = 1.0
"""


class Told(NamedTuple):
    """What a run says, and where."""

    exit_code: int
    terminal: str
    row: dict[str, object]
    markdown: str
    html: str

    @property
    def everywhere(self) -> tuple[str, ...]:
        return (self.terminal, str(self.row["incidents"]), self.markdown, self.html)


def run(folder: Path, patch: pytest.MonkeyPatch, scenario: str) -> Told:
    """`lab sim` of that scenario, in this process, where a planted policy is in place."""
    patch.setattr(virtual, "local_workers", lambda workers: nullcontext(None))
    patch.setenv("COLUMNS", "200")
    (folder / "told.toml").write_text(scenario, encoding="utf-8")
    words = ["sim", "--scenario", folder / "told.toml", "--strategies", "static", "--results", folder / "results"]
    result = CliRunner().invoke(app, [str(word) for word in (*words, "--no-reference")])
    summary = folder / "results" / "latest" / "summary.json"
    (row,) = json.loads(summary.read_text(encoding="utf-8"))["runs"]
    said = [(summary.parent / f"report.{form}").read_text(encoding="utf-8") for form in ("md", "html")]
    return Told(result.exit_code, " ".join(result.output.split()), row, *said)


def test_failures_of_a_healthy_redis_are_told_by_count_and_command_and_the_run_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy_of_before.plant(monkeypatch)
    told = run(tmp_path, monkeypatch, SCENARIO)
    assert told.exit_code == 3, told.terminal
    assert told.row["valid"] is False
    incidents = told.row["incidents"]
    assert isinstance(incidents, list)
    for kind in ("failed commands to Redis: ", "loads without the cache"):
        assert [incident for incident in incidents if incident.startswith(kind)], incidents
    commands = next(one for one in incidents if one.startswith("failed commands"))
    assert "get " in commands
    for text in told.everywhere:
        assert commands in text
    assert "not valid" in told.terminal
    assert "not valid" in told.markdown
    assert "not valid" in told.html


def test_the_same_run_without_them_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(tmp_path, monkeypatch, SCENARIO)
    assert (told.exit_code, told.row["valid"], told.row["incidents"]) == (0, True, []), told.terminal


def test_a_redis_that_the_scenario_takes_away_is_a_result_though_its_commands_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Failures] = []

    def kept(failures: Failures, scenario: Scenario, failed_reads: int) -> list[Incident]:
        counted.append(failures)
        return failures_found(failures, scenario, failed_reads)

    monkeypatch.setattr("loadtest.figures.summarise.failures_found", kept)
    told = run(tmp_path, monkeypatch, SCENARIO + BROKEN)
    assert (told.exit_code, told.row["valid"], told.row["incidents"]) == (0, True, []), told.terminal
    assert {kind for kind, _ in counted[0]} == {Kind.COMMAND, Kind.UNSTORED}
