from argparse import Namespace
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from loadtest.drive.plan import Plan

SCENARIO = """
title = "Mine"
duration_s = 5
pods = 2
[load]
{load}
[keys]
count = 4
zipf = 1
[cache]
ttl_s = 1
[origin]
latency = "fixed(10)"
connections = 4
"""
OPEN, TIMETABLE, THINKING = (
    'loop = "open"\nrate_per_s = 100',
    'loop = "closed"\nusers = 10\nrate_per_s = 100',
    'loop = "closed"\nusers = 10\nthink_s = 0.1',
)


def plan(folder: Path, load: str, **options: Any) -> Plan:
    path = folder / "mine.toml"
    path.write_text(SCENARIO.format(load=load))
    stated = {
        "scenario": str(path), "lab_seed": "3", "targets": "http://a,http://b", "host": None, "strategy": "x,y,z",
        "rate": None, "num_users": None, "answers": "",
    }  # fmt: skip
    return Plan(Namespace(**stated | options), "http://default", worker=0)


def test_pods_and_strategies_take_turns_so_that_every_pair_comes_up_equally_often(tmp_path: Path) -> None:
    mine = plan(tmp_path, OPEN)
    pairs = Counter((mine.targets.pick(turn), mine.strategy_for(turn)) for turn in range(60))
    assert pairs == {(pod, strategy): 10 for pod in ("http://a", "http://b") for strategy in "xyz"}


@pytest.mark.parametrize("rate", [250.0, "250"])  # Locust's UI says it as text
def test_the_rate_option_overrides_the_scenarios_rate(tmp_path: Path, rate: object) -> None:
    assert plan(tmp_path, OPEN, rate=rate).load.rate_per_s == 250
    assert plan(tmp_path, TIMETABLE, rate=rate).period_s == 10 / 250


def test_a_rate_gives_thinking_users_a_timetable(tmp_path: Path) -> None:
    assert plan(tmp_path, THINKING).period_s is None
    assert plan(tmp_path, THINKING, rate=20.0).period_s == 10 / 20


def test_a_timetable_is_made_for_the_users_that_there_are(tmp_path: Path) -> None:
    assert plan(tmp_path, TIMETABLE).period_s == 10 / 100
    assert plan(tmp_path, TIMETABLE, num_users=40).period_s == 40 / 100


def test_an_open_loop_has_no_timetable(tmp_path: Path) -> None:
    assert plan(tmp_path, OPEN).is_open
    assert plan(tmp_path, OPEN).period_s is None


def test_a_trace_keeps_its_own_rate(tmp_path: Path) -> None:
    mine = plan(tmp_path, f'loop = "open"\ntrace = "{tmp_path / "trace.csv"}"', rate=250.0)
    assert mine.load.rate_per_s is None


def test_closed_loops_ask_for_keys_as_the_scenario_says(tmp_path: Path) -> None:
    seen = Counter(islice(plan(tmp_path, THINKING).keys, 20_000))
    shares = [seen[key] / 20_000 for key in range(4)]
    assert shares == pytest.approx([0.48, 0.24, 0.16, 0.12], abs=0.02)
