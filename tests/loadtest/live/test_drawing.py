"""What a live page tells of a bench, from a folder as a bench leaves it in mid-run."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.figures.incident import Incident, planned
from loadtest.figures.run_folder import RunRecord, keep_plan, new_run_folder
from loadtest.live.drawing import Drawing
from loadtest.live.page_events import NONE_SEEN, PageEvents
from loadtest.live.watch import Watch
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import read_scenario

SCENARIO = read_scenario("redis-away")
RUNS = [PlannedRun(SCENARIO, name, seed=1) for name in ("static", "swr")]


def told_first(folder: Path, runs: list[PlannedRun], name: str) -> dict[str, Any]:
    keep_plan(folder, runs)
    log = PageEvents("here")
    Drawing(Watch(folder), ["static", "swr"], ["static", "swr"], "static").look(log)
    told: dict[str, Any] = json.loads(next(one.data for one in log.after(NONE_SEEN) if one.name == name))
    return told


def test_a_run_to_come_draws_no_line(tmp_path: Path) -> None:
    told = told_first(new_run_folder(tmp_path, "away", {}, SCENARIO), RUNS, "figure")
    for strategy in told["strategies"]:
        for trace in json.loads(strategy["figure"])["data"]:
            values = trace["y"]
            if isinstance(values, dict):
                values = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
            assert all(value is None or np.isnan(value) for value in values), trace["name"]


def test_the_order_of_repeats_is_told_to_be_random(tmp_path: Path) -> None:
    repeats = [PlannedRun(SCENARIO, name, seed=1, repeat=repeat) for repeat in (1, 2) for name in ("swr", "static")]
    folder = new_run_folder(tmp_path, "away", {}, SCENARIO)
    assert told_first(folder, repeats, "grown")["now"]["told"].endswith("; each round of runs has a random order")


def seen(folder: Path) -> dict[str, Any]:
    """What a viewer who comes now gets to see."""
    log = PageEvents("here")
    Drawing(Watch(folder), ["static", "swr"], ["static", "swr"], "static").look(log)
    told: dict[str, Any] = json.loads(next(one.data for one in log.after(NONE_SEEN) if one.name == "grown"))
    return told


def test_a_fault_that_is_on_is_told_from_one_that_is_over_and_from_what_nobody_planned(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path, "away", {}, SCENARIO)
    keep_plan(folder, RUNS)
    raw = folder / "raw" / "static"
    raw.mkdir(parents=True)
    record = RunRecord.of(RUNS[0], "native", start_s=0.0)
    kind = SCENARIO.faults[0].kind
    record.incidents = [planned(kind, 1.0), Incident("pod 1 fell")]
    record.write(raw)
    on, fell = seen(folder)["incidents"]
    assert on == {"text": f"static: {kind} since 1.0 s", "kind": "fault on"}
    assert fell == {"text": "static: pod 1 fell", "kind": "incident"}
    record.incidents[0] = planned(kind, 1.0, 3.0)
    record.write(raw)
    assert seen(folder)["incidents"][0] == {"text": f"static: {kind} 1.0 to 3.0 s", "kind": "fault"}
