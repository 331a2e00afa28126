"""A recorded load: found from where its scenario is, brought along by the run, and refused by its line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from loadtest.cli import app
from loadtest.figures.run_folder import new_run_folder
from loadtest.workload.scenario import read_scenario
from loadtest.workload.trace import BadTrace, bring_trace, read_trace, scenario_json

SCENARIO = """
title = "Replayed"
duration_s = 5
pods = 1
[load]
loop = "open"
trace = "recorded/visits.csv"
[keys]
count = 10
[cache]
ttl_s = 1
[origin]
latency = "fixed(10)"
connections = 4
"""
VISITS = "time_s,key\n0.5,3\n0.1,7\n4,1\n200,1\n"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    folder = tmp_path / "bei mir"
    (folder / "recorded").mkdir(parents=True)
    (folder / "recorded" / "visits.csv").write_text(VISITS)
    path = folder / "Größe 7.toml"
    path.write_text(SCENARIO)
    return path


def lab(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def times_of(path: Path) -> list[float]:
    trace = read_scenario(str(path)).load.trace
    assert trace is not None
    times, _ = read_trace(Path(trace), 10, 5)
    return [float(time_s) for time_s in times]


def test_a_trace_is_found_from_where_its_scenario_is(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert times_of(scenario) == [0.1, 0.5, 4]
    monkeypatch.chdir(scenario.parent)
    assert times_of(Path(scenario.name)) == [0.1, 0.5, 4]


def test_a_run_brings_it_along_so_that_its_folder_is_enough_anywhere(scenario: Path, tmp_path: Path) -> None:
    workload = read_scenario(str(scenario))
    run = new_run_folder(tmp_path / "results", workload.name, {}, workload)
    raw = run / "raw" / "mine"
    raw.mkdir(parents=True)
    (raw / "scenario.json").write_text(scenario_json(workload, raw, run))
    (scenario.parent / "recorded" / "visits.csv").unlink()
    moved = tmp_path / "somewhere else"
    run.rename(moved)
    assert times_of(moved / "scenario.json") == [0.1, 0.5, 4]
    assert times_of(moved / "raw" / "mine" / "scenario.json") == [0.1, 0.5, 4]


def test_two_runs_of_different_recordings_have_different_scenarios(scenario: Path, tmp_path: Path) -> None:
    texts = []
    for name, visits in (("one", VISITS), ("two", VISITS + "3,3\n"), ("three", VISITS)):
        run = tmp_path / name
        run.mkdir()
        (scenario.parent / "recorded" / "visits.csv").write_text(visits)
        workload = read_scenario(str(scenario))
        bring_trace(run, workload)
        texts.append(scenario_json(workload, run, run))
    assert texts[0] != texts[1]
    assert texts[0] == texts[2]


def test_a_run_in_virtual_time_can_be_run_again_from_its_folder(scenario: Path, tmp_path: Path) -> None:
    first = lab("sim", "--scenario", scenario, "--strategies", "static", "--results", tmp_path / "one")
    (scenario.parent / "recorded" / "visits.csv").unlink()
    kept = tmp_path / "one" / "latest" / "scenario.json"
    again = lab("sim", "--scenario", kept, "--strategies", "static", "--results", tmp_path / "two")
    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert "trace" not in first.stdout, "it is in summary.json, and on the terminal with --wide"
    one, two = (
        json.loads((tmp_path / name / "latest" / "summary.json").read_text())["runs"][0]["trace"]
        for name in ("one", "two")
    )
    assert one == two != ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column time_s; it must have the columns time_s and key"),
        (b"time_s\n1\n", "no column key"),
        (b"time_s,key\n", "no request before duration_s (5)"),
        (b"time_s,key\n9,1\n", "no request before duration_s (5)"),
        (b"time_s,key\n1,2\nnan,3\n", "line 3: 0 <= time_s"),
        (b"time_s,key\ninf,3\n", "line 2: 0 <= time_s"),
        (b"time_s,key\n1e999,3\n", "line 2: 0 <= time_s"),
        (b"time_s,key\n-1,3\n", "line 2: 0 <= time_s"),
        (b"time_s,key\n1,-3\n", "key a whole one"),
        (b"time_s,key\n1,10\n", "key < keys.count (10)"),
        (b"time_s,key\n1,1" + b"0" * 5_000 + b"\n", "key a whole one"),
        (b"time_s,key\n1,3.5\n", "key a whole one"),
        (b"time_s,key\n1,1_0\n", "key a whole one"),
        ("time_s,key\n1,٣\n".encode(), "key a whole one"),
        (b"time_s,key\n1\n", "line 2: time_s and key must be numbers"),
        (b'time_s,key\n"' + b"1" * 200_000 + b'",3\n', "field larger than field limit"),
        (b"time_s,key\n1,\0\n", "is no text: it has NUL bytes in it"),
        (b"\x1f\x8b\x08\x00", "is no text in UTF-8"),
    ],
)
def test_a_bad_trace_is_one_line_with_its_place_and_exit_2(scenario: Path, content: bytes, said: str) -> None:
    (scenario.parent / "recorded" / "visits.csv").write_bytes(content)
    result = lab("sim", "--scenario", scenario, "--strategies", "static", "--results", scenario.parent / "results")
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not (scenario.parent / "results").exists()


@pytest.mark.parametrize("text", [
    "\ufefftime_s,key\n1,2\n", "time_s,key\r\n1,2\r\n\r\n", '"time_s","key"\n"1","2"\n', "key,user,time_s\n2,me,1\n",
    " time_s , key \n 1 , 2 \n", "time_s,key\n1.0,2,more\n", "time_s,key\n+1e0,+2",
])  # fmt: skip
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "visits.csv"
    path.write_bytes(text.encode())
    times, keys = read_trace(path, 10, 5)
    assert (times.tolist(), keys.tolist()) == ([1], [2])


def test_a_trace_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTrace, match="No such file"):
        read_trace(tmp_path / "nope.csv", 10, 5)
    with pytest.raises(BadTrace, match="is a directory"):
        read_trace(tmp_path, 10, 5)
