"""What the stack is to run is what was asked for, then what the scenario states, or one line that says why not."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import app.discovery
from app.discovery import discover
from app.strategy_groups import GROUPS
from loadtest.workload.scenario import read_scenario, scenario_names
from loadtest.worlds.stack_pace import LIVE_RATE, BadVariable
from loadtest.worlds.stack_settings import resolve
from tests.loadtest.workload.test_scenario import GOOD


def test_a_scenario_gives_pods_its_settings_and_the_load_its_live_rate_and_strategies() -> None:
    told, says = resolve({"SCENARIO": "many-keys"})
    live = read_scenario("many-keys").live
    assert (told["LAB_TTL_S"], told["LAB_ORIGIN_LATENCY"]) == ("10", "uniform(20, 50)")
    assert told["LAB_PARAMS"] == '{"jitter": {"spread": 0.5}}'
    assert (float(told["RATE"]), told["STRATEGIES"]) == (live.rate_per_s, "static,jitter")
    assert f"{float(told['RATE']) / 2:g}/s for each of 2" in says[1]


SHARING = (("shared-pool", ""), ("shared-pool", "5"), ("hot-key", ""), ("hot-key", "5"))


def test_what_is_given_wins_and_an_empty_knob_is_none() -> None:
    given = {"SCENARIO": "many-keys", "LAB_TTL_S": "2", "RATE": "50", "STRATEGIES": " swr", "LAB_SEED": "", "USERS": ""}
    told, _ = resolve(given | {"LAB_PARAMS": '{"jitter": {"form": "longer"}}'})
    assert (told["LAB_TTL_S"], told["RATE"], told["STRATEGIES"], told["LAB_SEED"]) == ("2", "50", "swr", "1")
    assert told["LAB_PARAMS"] == '{"jitter": {"spread": 0.5, "form": "longer"}}', "over what the scenario tunes"
    told, _ = resolve(given | {"LAB_NETS": '{"breaker": {"open_s": 3}, "stale_if_error_s": 9}'})
    assert told["LAB_NETS"] == '{"stale_if_error_s": 9.0, "breaker": {"open_s": 3.0}}'


def test_groups_are_passed_on_as_words_and_mistakes_are_served_where_they_are_asked_for() -> None:
    by_default = {"SCENARIO": "side-by-side"}
    given: tuple[dict[str, str], ...] = (
        {}, {"STRATEGIES": "all"}, {"STRATEGIES": "static, half_lock"},
        {"WRONG": "1"}, {"WRONG": "1", "STRATEGIES": "swr"},
    )  # fmt: skip
    told = [resolve(by_default | one)[0] for one in given]
    assert [(one["STRATEGIES"], one["WRONG"]) for one in told] == [
        ("", ""), ("all", ""), ("static,half_lock", "1"), ("default,wrong", "1"), ("swr", "1")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "asked", "served"),
    [
        ({}, "", ""),
        ({"CONTENDERS": "0"}, "", ""),
        ({"CONTENDERS": "1"}, "default,contenders", "contenders"),
        ({"CONTENDERS": "cashews, cashews_lock"}, "default,cashews,cashews_lock", "cashews,cashews_lock"),
        ({"STRATEGIES": "static,cashews_lock"}, "static,cashews_lock", "cashews_lock"),
        ({"STRATEGIES": "swr", "CONTENDERS": "aiocache"}, "swr", "aiocache"),
        ({"CONTENDERS": "aiocache", "WRONG": "1"}, "default,wrong,aiocache", "aiocache"),
    ],
)
def test_contenders_are_served_where_they_are_asked_for_though_their_libraries_are_in_the_pods_alone(
    given: dict[str, str], asked: str, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(app.discovery, "find_contenders")  # nothing is imported
    told, says = resolve({"SCENARIO": "side-by-side", **given})
    assert (told["STRATEGIES"], told["CONTENDERS"]) == (asked, served)
    assert all(name in says[0] for name in asked.split(",") if name not in GROUPS)


def test_the_rate_is_shared_by_contenders_too() -> None:
    _, says = resolve({"SCENARIO": "side-by-side", "STRATEGIES": "swr,cashews_lock"})
    assert "for each of 2" in says[1]


def test_shared_connections_are_the_scenarios_or_those_that_were_given_or_none() -> None:
    name = "LAB_ORIGIN_CONNECTIONS_SHARED"
    told = [resolve({"SCENARIO": scenario, name: text})[0][name] for scenario, text in SHARING]
    assert told == ["20", "5", "", "5"]


def test_where_the_origin_slows_down_there_is_a_pooler_that_counts_for_any_number_of_pods() -> None:
    slow = {"LAB_ORIGIN_SLOWDOWN": '{"knee": 5, "per_read": 0.1}', "LAB_ORIGIN_CONNECTIONS": "10"}
    told, _ = resolve(slow)
    assert json.loads(told["LAB_ORIGIN_SLOWDOWN"]) == {"knee": 5, "per_read": 0.1, "times_max": 10.0}
    assert told["LAB_ORIGIN_CONNECTIONS_SHARED"] == "160"
    assert resolve(slow | {"LAB_ORIGIN_CONNECTIONS_SHARED": "20"})[0]["LAB_ORIGIN_CONNECTIONS_SHARED"] == "20"


def test_there_is_a_tuner_where_one_is_stated_or_given_or_a_strategy_that_is_asked_reads_it() -> None:
    name = "LAB_TUNER_EVERY_S"
    counting = [one for one, strategy in discover().strategies.items() if strategy.counts_prefixes]
    assert counting
    told = [resolve(given)[0][name] for given in ({}, {"STRATEGIES": counting[0]}, {name: "2"})]
    assert told == ["", "5", "2"]
    with pytest.raises(BadVariable, match=f"{name}=0: must be a number from 0.1 to 3600"):
        resolve({name: "0"})


def test_without_a_live_rate_an_arm_gets_what_the_scenario_states_as_far_as_the_stack_can() -> None:
    one, says_one = resolve({"SCENARIO": "hot-key", "STRATEGIES": "static"})
    assert one["RATE"] == "450"
    assert "reads the origin 86 times" in says_one[1], "the needles of the README"
    all_, says_all = resolve({"SCENARIO": "hot-key"})
    assert float(all_["RATE"]) == LIVE_RATE
    assert "RATE=2250 asks for all of it" in says_all[-1]


def test_a_live_load_of_a_scenario_with_faults_says_who_breaks_it() -> None:
    _, says = resolve({"SCENARIO": "redis-away"})
    assert says[-1].startswith(
        "what redis-away breaks, make bench WORLD=stack SCENARIO=redis-away does; here: make break"
    )


def test_whoever_asks_by_hand_finds_items_beyond_the_scenarios_keys() -> None:
    told, _ = resolve({"SCENARIO": "side-by-side"})
    assert (told["LAB_ITEMS"], told["LAB_KEY_SPACE"]) == ("1000", "1024")


def test_a_closed_loop_without_a_rate_has_none() -> None:
    told, says = resolve({"SCENARIO": "bulk-warm"})
    assert (told["RATE"], told["USERS"]) == ("", "50")
    assert "their answers set the pace" in says[1]
    assert resolve({"SCENARIO": "bulk-warm", "RATE": "80", "USERS": "7"})[0]["USERS"] == "7"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"SCENARIO": "nonsense"},
            "SCENARIO=nonsense: there is no scenario 'nonsense'; `lab list` names all",
        ),
        ({"LAB_TTL_S": "abc"}, "LAB_TTL_S=abc: must be a number from 0.05 to 86400"),
        ({"LAB_TTL_S": "0"}, "LAB_TTL_S=0: must be a number from 0.05 to 86400"),
        ({"LAB_ORIGIN_CONNECTIONS": "2.5"}, "LAB_ORIGIN_CONNECTIONS=2.5: must be a whole number from 1 to 256"),
        (
            {"LAB_ORIGIN_SLOWDOWN": '{"knee": -1, "per_read": 1}'},
            'LAB_ORIGIN_SLOWDOWN={"knee": -1, "per_read": 1}: knee: Input should be greater than or equal to 0',
        ),
        (
            {"LAB_ORIGIN_CONNECTIONS_SHARED": "0"},
            "LAB_ORIGIN_CONNECTIONS_SHARED=0: must be a whole number from 1 to 100000",
        ),
        ({"LAB_ORIGIN_LATENCY": "fixed"}, "LAB_ORIGIN_LATENCY=fixed: 'fixed' is not a latency: fixed(ms)"),
        ({"LAB_SEED": "-1"}, "LAB_SEED=-1: must be a whole number from 0"),
        ({"LAB_PARAMS": "{bad"}, "LAB_PARAMS={bad: must be a JSON object"),
        ({"LAB_NETS": "[]"}, "LAB_NETS=[]: must be a JSON object"),
        (
            {"LAB_NETS": '{"breaker": {"probes": 0}}'},
            'LAB_NETS={"breaker": {"probes": 0}}: breaker.probes: Input should be',
        ),
        ({"LAB_PARAMS": "[]"}, "LAB_PARAMS=[]: must be a JSON object"),
        ({"LAB_PARAMS": '{"nix": {}}'}, "LAB_PARAMS: there is no strategy 'nix'"),
        ({"LAB_PARAMS": '{"xfetch": {"beta": -1}}'}, "LAB_PARAMS: xfetch.beta: must be a number from 0 to 100"),
        ({"LAB_ITEMS": "5000"}, "LAB_ITEMS=5000: must be at most LAB_KEY_SPACE (1024)"),
        (
            {"SCENARIO": "many-keys", "LAB_KEY_SPACE": "10", "LAB_ITEMS": "5"},
            "LAB_KEY_SPACE=10: must be at least 100, the keys of many-keys",
        ),
        ({"RATE": "0"}, "RATE=0: must be a number from 0.1 to 50000"),
        ({"RATE": "nan"}, "RATE=nan: must be a number from 0.1 to 50000"),
        ({"STRATEGIES": "static,nix"}, "STRATEGIES=static,nix: there is no strategy 'nix'; "),
        ({"WRONG": "yes"}, "WRONG=yes: must be 1, or 0 or empty"),
        ({"CONTENDERS": "cashew"}, "CONTENDERS=cashew: there is no contender 'cashew'; did you mean cashews"),
        ({"STRATEGIES": ","}, "STRATEGIES=,: there is no strategy ''"),
        ({"USERS": "5"}, "USERS=5: side-by-side is an open loop, which has no users"),
        ({"SCENARIO": "bulk-warm", "USERS": "0"}, "USERS=0: must be a whole number from 1 to 5000"),
    ],
)
def test_what_cannot_be_names_the_knob_and_the_bound(given: dict[str, str], said: str) -> None:
    with pytest.raises(BadVariable) as refused:
        resolve(given)
    assert str(refused.value).startswith(said)


def test_a_knob_from_before_that_has_no_effect_waits_until_it_has() -> None:
    told, says = resolve({"USERS": "5", "NOW": "RATE", "RATE": "9"})
    assert told["USERS"] == "1"
    assert "USERS=5 has no effect now: side-by-side is an open loop, which has no users." in says


def test_every_scenario_of_the_lab_runs_in_the_stack_or_says_why_not() -> None:
    for name in scenario_names():
        if reason := read_scenario(name).why_not_in("stack"):
            with pytest.raises(BadVariable, match=re.escape(reason)):
                resolve({"SCENARIO": name})
        else:
            assert resolve({"SCENARIO": name})[0]["LAB_ITEMS"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("rate_per_s = 0", "live.rate_per_s: Input should be greater than 0"),
        ("rate_per_s = 1e6", "live.rate_per_s: Input should be less than or equal to 50000"),
        ('strategies = ["nix"]', "mine: live.strategies: there is no strategy 'nix'"),
        ("speed = 7", "live.speed: there is no such field"),
    ],
)
def test_a_live_table_that_cannot_be_is_named(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(f"{GOOD}\n[live]\n{table}\n")
    with pytest.raises(BadVariable) as refused:
        resolve({"SCENARIO": str(tmp_path / "mine.toml")})
    assert said in str(refused.value)


def test_a_trace_has_its_own_rate(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("time_s,key\n0,0\n0.5,0\n")
    text = GOOD.replace('"closed"\nusers = 2\nthink_s = 0.1', '"open"\ntrace = "trace.csv"')
    assert text != GOOD
    (tmp_path / "mine.toml").write_text(text)
    given = {"SCENARIO": str(tmp_path / "mine.toml")}
    assert resolve(given)[0]["RATE"] == ""
    with pytest.raises(BadVariable, match="RATE=7: mine replays a trace"):
        resolve(given | {"RATE": "7"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothere", "line 1: ModuleNotFoundError: No module named 'nothere'"),
        ("\ndef f(:", "line 2: SyntaxError: invalid syntax"),
        ("x = 1", "it has no class of users"),
        ("import sys; sys.exit('no')", "no"),
        ("import sys; sys.exit(0)", "its import ends the process"),
        ("import os; os._exit(0)", "its import ends the process"),
        ("from locust import HttpUser\nclass Idle(HttpUser): pass", "Idle has no tasks"),
    ],
)
def test_a_locust_file_that_cannot_drive_anything_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(BadVariable) as refused:
        resolve({"LOCUSTFILE": str(tmp_path / "mine.py")})
    assert said in str(refused.value)


def test_a_locust_file_of_ones_own_has_users_and_no_rate(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("WAIT_S = 1")
    (tmp_path / "mine.py").write_text(
        "import beside\nfrom locust import HttpUser, task\nclass Me(HttpUser):\n    @task\n    def ask(self): ...\n"
    )
    given = {"LOCUSTFILE": str(tmp_path / "mine.py"), "USERS": "3"}
    told, _ = resolve(given)
    assert (told["RATE"], told["USERS"]) == ("", "3")
    assert told["LOCUSTFILE"].split(",")[0] == given["LOCUSTFILE"]
    with pytest.raises(BadVariable, match="RATE=9: LOCUSTFILE has a pace"):
        resolve(given | {"RATE": "9"})


def test_as_a_program_it_tells_compose_and_people_apart_and_refuses_in_one_line() -> None:
    command = [sys.executable, "-m", "loadtest.worlds.stack_settings"]
    ended = subprocess.run([*command, "RATE=50"], capture_output=True, text=True, timeout=60, check=True)
    assert "RATE=50" in ended.stdout.splitlines()
    assert any(line.startswith("# 50 requests/s") for line in ended.stdout.splitlines())
    ended = subprocess.run([*command, "RATE=a\nb"], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (2, "error: RATE=a b: must be a number from 0.1 to 50000\n")
