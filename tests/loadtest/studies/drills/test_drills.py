"""`lab drill`: what must hold is judged, who must fail has to, and the list of faults has no hole."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from loadtest import ROOT
from loadtest.cli import app
from loadtest.studies.drills.plan import BadDrill, Subject, drill_names, read_drill, subjects
from loadtest.studies.drills.shown_elsewhere import SHOWN_ELSEWHERE
from loadtest.studies.drills.table import DrillResults, as_markdown
from loadtest.studies.drills.verdict import DrillVerdict, judge
from tests.loadtest.report.test_report import row

FAULTS = range(1, 21)

DRILL = """
schema = 2
title = "The origin is away for two seconds"
duration_s = 14
pods = 2
gates = ["each.errors <= {errors}", "each.under_trigger.reads <= 60"]
drill = {{ number = 8, must_hold = "0 errors", must_fail = ["{control}"] }}
load = {{ loop = "open", rate_per_s = 40 }}
keys = {{ count = 4 }}
cache = {{ ttl_s = 1 }}
origin = {{ latency = "fixed(100)", connections = 8 }}
warm = {{ keys = "burst" }}
nets = {{ stale_if_error_s = 20 }}
faults = [{{ kind = "origin-fails", at_s = 5, for_s = 2 }}]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write(tmp_path / "own.toml")


def write(path: Path, errors: int = 0, control: str = "static") -> Path:
    path.write_text(DRILL.format(errors=errors, control=control))
    return path


def drill(tmp_path: Path, *words: object) -> tuple[Result, Any]:
    """The outcome of a command, and its drill.json where there is one."""
    results = tmp_path / "results"
    command = ["drill", *map(str, words), "--results", str(results), "--workers", "1"]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    found = [*results.glob("*-drill/drill.json")]
    return result, json.loads(found[-1].read_text()) if found else None


def verdicts(told: Any) -> dict[tuple[str, str], str]:
    return {(one["strategy"], one["nets"]): one["verdict"] for one in told["lines"]}


def test_every_fault_of_the_list_has_a_drill_or_a_test_that_is_there() -> None:
    drills = [read_drill(name) for name in drill_names()]
    numbers = [one.drill.number for one in drills if one.drill is not None]
    assert numbers == sorted(numbers)
    assert {*numbers} | {one.number for one in SHOWN_ELSEWHERE} == {*FAULTS}
    for one in SHOWN_ELSEWHERE:
        for test in one.tests:
            path, _, name = test.partition("::")
            assert f"def {name}(" in (ROOT / path).read_text(), test


def test_the_table_tells_what_held_and_the_control_fails(own: Path, tmp_path: Path) -> None:
    junit, markdown = tmp_path / "drill.xml", tmp_path / "drill.md"
    result, told = drill(tmp_path, own, "--strategies", "static,swr", "--junit", junit, "--markdown", markdown)
    assert result.exit_code == 0, result.output
    assert verdicts(told) == {
        ("static", "with nets"): "held", ("static", "without nets"): "fails, as it must", ("swr", "with nets"): "held",
    }  # fmt: skip
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")
    assert "✅ fails, as it must" in markdown.read_text()
    assert "not <= 0" in result.stdout


def test_who_is_no_control_is_only_shown_without_nets(own: Path, tmp_path: Path) -> None:
    _, told = drill(tmp_path, own, "--strategies", "swr,singleflight", "--both")
    shown = {name for name, verdict in verdicts(told).items() if verdict == "shown"}
    assert shown == {("swr", "without nets"), ("singleflight", "without nets")}


@pytest.mark.parametrize(
    ("errors", "bad"),
    [(10_000, "own, static without nets"), (-1, "own, static with nets; own, swr with nets")],
)
def test_a_control_that_passes_and_a_gate_that_breaks_exit_1(errors: int, bad: str, tmp_path: Path) -> None:
    result, _ = drill(tmp_path, write(tmp_path / "own.toml", errors), "--strategies", "static,swr")
    assert result.exit_code == 1, result.output
    assert bad in " ".join(result.stderr.split())


def test_every_drill_of_the_lab_shows_the_baseline_to_fail_and_collapsed_loads_to_hold(tmp_path: Path) -> None:
    result, told = drill(tmp_path, "--strategies", "static,singleflight")
    assert result.exit_code == 0, result.output
    lines = {(one["drill"], one["strategy"], one["nets"]): one["verdict"] for one in told["lines"]}
    for one in map(read_drill, drill_names()):
        assert one.drill is not None
        if one.why_not_in("virtual"):
            assert lines.pop((one.name, "all", "")) == "not judged"
        if "static" in one.drill.must_fail:
            assert "fails, as it must" in {lines.get((one.name, "static", nets)) for nets in ("", "without nets")}
    assert {verdict for (_, strategy, _), verdict in lines.items() if strategy == "singleflight"} == {"held"}
    assert {"flushed", "origin-down-short"} < {name for name, _, nets in lines if nets == "without nets"}
    (sliced,) = (one for one in told["lines"] if one["verdict"] == "not judged")
    assert "no bytes to slice" in sliced["why"]


def test_several_drills_may_be_named_by_comma(tmp_path: Path) -> None:
    result, told = drill(tmp_path, "absent-ids,redis-sliced", "--strategies", "singleflight")
    assert result.exit_code == 0, result.output
    assert [one["drill"] for one in told["lines"]] == ["redis-sliced", "absent-ids"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing-known"], "there is no drill 'nothing-known'; "),
        (["absent-ids", "--world", "stack"], "--world: there is no world 'stack': name one of virtual, native"),
        (["absent-ids", "--strategies", "nobody"], "there is no strategy 'nobody'"),
        (["{folder}/missing.toml"], "there is no file"),
        (["{folder}/control.toml"], "control: drill.must_fail: there is no strategy 'nobody'"),
        (["{folder}/plain.toml"], "has no [drill] table"),
        (["{folder}/ungated.toml"], "has no gates, so that nothing could fail it"),
        (["{folder}/figure.toml"], "no figure 'under_trigger.reeds'"),
    ],
)
def test_bad_input_exits_2_and_says_what_would_do(words: list[str], message: str, tmp_path: Path) -> None:
    write(tmp_path / "control.toml", control="nobody")
    stated = write(tmp_path / "figure.toml").read_text()
    (tmp_path / "figure.toml").write_text(stated.replace("trigger.reads", "trigger.reeds"))
    (tmp_path / "plain.toml").write_text("\n".join(line for line in stated.splitlines() if "drill =" not in line))
    (tmp_path / "ungated.toml").write_text("\n".join(line for line in stated.splitlines() if "gates =" not in line))
    result, _ = drill(tmp_path, *(word.format(folder=tmp_path) for word in words))
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())


def subject(own: Path) -> Subject:
    return subjects(read_drill(str(own)), ["swr"])[0]


@pytest.mark.parametrize(
    ("costs", "verdict"),
    [
        ({"service_us": 290.0, "memory_peak_mb": 170.0, "log_bytes_per_request": 1.9}, DrillVerdict.HELD),
        ({"service_us": 310.0}, DrillVerdict.BROKEN),
        ({"memory_peak_mb": 190.0}, DrillVerdict.BROKEN),
        ({"log_bytes_per_request": 40.0}, DrillVerdict.BROKEN),
        ({"service_us": None, "memory_peak_mb": None, "log_bytes_per_request": None}, DrillVerdict.HELD),
    ],
)
def test_costs_are_held_to_three_times_those_without_the_fault(own: Path, costs: Any, verdict: DrillVerdict) -> None:
    under = {"reads": 10}
    healthy = row("swr", service_us=100.0, memory_peak_mb=60.0, log_bytes_per_request=0.05, errors=0)
    faulted = row("swr", **({"service_us": 100.0} | costs), under_trigger=under, errors=0)
    judged = judge(subject(own), faulted, healthy)
    assert judged.verdict is verdict
    shown = as_markdown(DrillResults("native", [judged]), {})
    assert ("above 3x" in shown or "40 B, above 2" in shown) is (verdict is DrillVerdict.BROKEN)


def test_a_run_that_is_no_result_is_not_judged_and_says_why(own: Path) -> None:
    broken = row("swr", valid=False, incidents=["pod-1 was ended by SIGKILL"], under_trigger={"reads": 1}, errors=0)
    judged = judge(subject(own), broken, None)
    assert judged.verdict is DrillVerdict.NOT_JUDGED
    assert judged.is_no_result
    assert "SIGKILL" in judged.why


def test_the_labs_drills_are_named_where_one_is_unknown() -> None:
    with pytest.raises(BadDrill, match=r"there is no drill .*drills/ has all; a \.toml file"):
        read_drill("redis")
