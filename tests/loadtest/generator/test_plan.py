from argparse import Namespace
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from loadtest.generator.plan import BadOption, LoadPlan, check
from loadtest.generator.pods import Told
from loadtest.generator.targets import BadTargets, pod_url

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


GROUPS = {"default": ["x", "y"], "all": ["x", "y", "z"], "wrong": ["v"]}
TOLD = Told(dict.fromkeys("xyzv", 1.0), GROUPS, {"w": "no class"}, longest_load_s=0.2, ahead_s=0.0)


def plan(folder: Path, load: str, **options: Any) -> LoadPlan:
    path = folder / "mine.toml"
    path.write_text(SCENARIO.format(load=load))
    stated = {
        "scenario": str(path), "lab_seed": "3", "targets": "http://a,http://b", "host": None, "strategy": "x,y,z",
        "rate": None, "num_users": None, "answers": "",
    }  # fmt: skip
    return LoadPlan(Namespace(**stated | options), "http://default", 0, lambda url: TOLD)


def test_pods_and_strategies_take_turns_so_that_every_pair_comes_up_equally_often(tmp_path: Path) -> None:
    mine = plan(tmp_path, OPEN)
    pairs = Counter((mine.targets.pick(turn), mine.strategy_for(turn)) for turn in range(60))
    assert pairs == {(pod, strategy): 10 for pod in ("http://a", "http://b") for strategy in "xyz"}


def test_groups_stand_for_their_members_and_are_followed(tmp_path: Path) -> None:
    now, folder = TOLD, tmp_path

    def ask(url: str) -> Told:
        return now

    def strategies(asked: str) -> LoadPlan:
        stated = {"strategy": asked, "targets": "http://a", "host": None, "rate": None, "num_users": None}
        (folder / "mine.toml").write_text(SCENARIO.format(load=OPEN))
        options = Namespace(scenario=str(folder / "mine.toml"), lab_seed="3", answers="", **stated)
        return LoadPlan(options, "http://default", 0, ask)

    unnamed, every, named = strategies(""), strategies("all,wrong"), strategies("z,y")
    assert (unnamed.strategies, every.strategies) == (["x", "y"], ["x", "y", "z", "v"])
    now = TOLD._replace(groups=GROUPS | {"default": ["x", "u"], "all": ["x", "u"]})
    for one in (unnamed, every, named):
        one.follow()
    assert (unnamed.strategies, every.strategies) == (["x", "u"], ["x", "u", "v"])
    assert named.strategies == ["z", "y"]


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


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"strategy": "x,nope"}, "--strategy: in the pods there is no strategy 'nope': name one of x, y, z, v"),
        ({"strategy": "w"}, "--strategy: strategy 'w' is broken there: no class"),
        ({"strategy": "x,,y"}, "--strategy: names by comma"),
        ({"targets": "https://a"}, "--targets: 'https://a': pods speak http"),
        ({"targets": "http://a/path"}, "--targets: 'http://a/path': only http://host:port"),
        ({"targets": "http://a,"}, "--targets: '' names no host"),
        ({"targets": None, "host": "http://a?x=1"}, "--host: 'http://a?x=1': only http://host:port"),
        ({"rate": "fast"}, "--rate: must be a number of requests/s above 0, not 'fast'"),
        ({"rate": float("nan")}, "--rate: must be a number of requests/s above 0"),
        ({"rate": 1e9}, "--rate: Input should be less than or equal to 5000000"),
        ({"lab_seed": "-1"}, "--lab-seed: must be a whole number from 0 on, not '-1'"),
        ({"answers": "/nonexistent/folder"}, "--answers: "),
        ({"scenario": "nope"}, "--scenario: there is no scenario 'nope'"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_the_options_name(
    tmp_path: Path, stated: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadOption) as caught:
        plan(tmp_path, OPEN, **stated)
    assert str(caught.value).startswith(said)


def test_a_folder_of_answers_that_is_not_there_is_named_before_anything_begins(tmp_path: Path) -> None:
    stated = {"scenario": "hot-key", "lab_seed": "3", "rate": None, "num_users": None}
    with pytest.raises(BadOption, match=r"^--answers: there is no folder"):
        check(Namespace(**stated, answers=str(tmp_path / "none")), "http://default", ask=None)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a:8000/", "http://a:8000"),
        ("a:8000", "http://a:8000"),
        ("localhost", "http://localhost"),
        (" http://127.0.0.1:8000 ", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("HTTP://Pod:80", "http://pod:80"),
    ],
)
def test_a_pod_may_be_written_as_people_write_it(text: str, url: str) -> None:
    assert pod_url(text) == url


def test_a_second_test_of_the_same_process_leaves_the_first_ones_answers_alone(tmp_path: Path) -> None:
    instance_ids = []
    for _ in range(2):
        mine = plan(tmp_path, OPEN, answers=str(tmp_path))
        mine.records.answer("a line")
        mine.records.close()
        instance_ids.append(mine.records.instance_id)
    assert len(set(instance_ids)) == 2
    assert all("a line" in (tmp_path / f"answers-{instance_id}.csv").read_text() for instance_id in instance_ids)


@pytest.mark.parametrize(
    "text", ["http://u:p4ss@a:8000", "u:p4ss@a", "ftp://u:p4ss@a", "http://u:p4ss@a:x", "u:p4ss@/b"]
)
def test_a_password_in_a_host_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(BadTargets) as caught:
        pod_url(text)
    assert "p4ss" not in str(caught.value)
