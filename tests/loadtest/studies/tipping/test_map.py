"""The map that a command draws: the same places in the picture, the tables and the file, in virtual time."""

import json
import math
from pathlib import Path

from typer.testing import CliRunner

from app.discovery import discover
from app.nets.nets import Nets
from loadtest.cli import app
from loadtest.studies.tipping.map_chart import NEVER_TEXT, figure
from loadtest.studies.tipping.page import Map, table
from loadtest.studies.tipping.places import plan_map
from loadtest.theory.tipping import attempts_max, backlog_max, capacity_per_s, feeds_itself_from_per_s
from loadtest.workload.client import ClientTable
from tests.loadtest.studies.tipping.test_places import found, scenario

# Loads fail after a second, and 16 connections end 160 reads a second: a backlog of more than 160 reads feeds itself.
# Collapsed, there are no more than one for each of 120 keys.
LOST = """
schema = 2
title = "An origin that slows down"
duration_s = 30
pods = 2
load = { loop = "open", rate_per_s = 100, in_flight_max = 20000 }
keys = { count = 120 }
cache = { ttl_s = 4 }
origin = { latency = "fixed(100)", connections = 8, timeout_ms = 1000 }
warm = { keys = "burst" }
faults = [{ kind = "origin-slow", times = 10, at_s = 6, for_s = 1 }]
"""


def test_the_baseline_is_lost_where_a_backlog_outlasts_the_time_of_a_load_and_collapsed_loads_come_back(
    tmp_path: Path,
) -> None:
    (tmp_path / "lost.toml").write_text(LOST)
    command = ["tipping", str(tmp_path / "lost.toml"), "--strategies", "static,singleflight", "--load", "50,400"]
    result = CliRunner().invoke(app, [*command, "--trigger", "4", "--results", str(tmp_path), "--workers", "1"])
    assert result.exit_code == 0, result.output
    (folder,) = tmp_path.glob("*-tipping-lost")
    told = json.loads((folder / "map.json").read_text())
    fates = {(place["strategy"], place["rate_per_s"]): place["fate"] for place in told["places"]}
    assert fates["static", 400.0] == "never"
    assert fates["static", 50.0] != "never"  # theory: below 160 a second every backlog ends
    assert fates["singleflight", 400.0] == "comes back"
    assert told["feeds_itself_from_per_s"] == {"static": 160.0, "singleflight": None}
    (lost,) = (place for place in told["places"] if place["fate"] == "never")
    assert lost["summary"]["recovers_after_s"] == "never"
    assert NEVER_TEXT in (folder / "report.html").read_text()
    assert NEVER_TEXT in (folder / "report.md").read_text()
    assert "never does at 1 (from 400 requests/s on); theory: only above 160 requests/s" in result.output


def test_the_picture_and_the_table_show_the_same_squares() -> None:
    plan = plan_map(scenario(), ["naive", "mine"], "100,200", "1,4", seed=7)
    fates = [
        found("naive", 100.0, 1.0, 0.0), found("naive", 200.0, 1.0, 3.4),
        found("naive", 100.0, 4.0, 12.0), found("naive", 200.0, 4.0, math.inf),
        found("mine", 100.0, 1.0, 0.0), found("mine", 200.0, 1.0, 0.0),
        found("mine", 100.0, 4.0, 0.0), found("mine", 200.0, 4.0, None),
    ]  # fmt: skip
    measured = found("naive", 200.0, 4.0, 7.0, world="native")
    drawn = Map(plan, [*fates, measured], {"naive": 150.0, "mine": None})
    assert table(drawn, "naive")[1] == [["4", "12", NEVER_TEXT], ["1", "well", "3"]]
    assert table(drawn, "mine")[1] == [["4", "well", "?"], ["1", "well", "well"]]
    squares, ring, *_ = figure(plan, drawn.found, drawn.lines_per_s).data
    at = dict(zip(zip(squares.x, squares.y, strict=True), squares.text, strict=True))
    assert at == {(0, 0): "", (1, 0): "3", (0, 1): "12", (1, 1): NEVER_TEXT}
    assert [*zip(ring.x, ring.y, ring.text, strict=True)] == [(1, 1, "<b>7</b>")]
    (line,) = figure(plan, drawn.found, drawn.lines_per_s).layout.shapes
    assert line.x0 == line.x1 == 0.5  # half-way between 100 and 200
    assert any(
        "Measured natively" in said and "comes back after 7.0 s; simulated: never" in said for said in drawn.said
    )


def test_theorys_line_is_capacity_over_the_attempts_of_a_request_that_always_fails() -> None:
    own = scenario(client={"timeout_s": 1, "retries": 3})
    strategies = discover().strategies
    assert capacity_per_s(own) == 160.0
    assert feeds_itself_from_per_s(own, strategies["static"]) == 40.0
    assert feeds_itself_from_per_s(own, strategies["singleflight"]) is None  # 10 keys are 10 reads
    assert feeds_itself_from_per_s(scenario(keys={"count": 801}), strategies["singleflight"]) == 160.0
    assert feeds_itself_from_per_s(scenario(keys={"count": 800}), strategies["singleflight"]) is None  # 5 s of 160/s
    assert attempts_max(ClientTable(retries=3, budget=0.1)) == 1.1
    slow = own.origin.model_dump() | {"slowdown": {"knee": 4, "per_read": 0.25, "times_max": 20}}
    assert capacity_per_s(scenario(origin=slow)) == 16 / (0.1 * 4)


def test_a_backlog_is_no_longer_than_the_queue_and_the_limit_that_the_scenario_states() -> None:
    """Two pods of 8 connections end 160 reads a second, within whose time-out of a second a short queue ends."""
    static, collapse = (discover().strategies[name] for name in ("static", "collapse"))
    own = scenario(origin={"latency": "fixed(100)", "connections": 8, "timeout_ms": 1_000})
    assert backlog_max(own, static) == 2 * (8 + 1_024)
    assert backlog_max(own, collapse) == 2 * 10  # each pod loads each of ten keys once at a time
    assert feeds_itself_from_per_s(own, static) == 160.0
    for nets, longest in ({"queue_max": 16}, 24), ({"limit": {"kind": "aimd", "initial": 5, "most": 40}}, 40):
        bounded = own.model_copy(update={"nets": Nets.model_validate(nets)})
        assert backlog_max(bounded, static) == 2 * longest
        assert feeds_itself_from_per_s(bounded, static) is None
