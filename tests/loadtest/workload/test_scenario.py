from pathlib import Path

import pytest

from app.discovery import discover
from app.settings import Settings
from loadtest.workload.scenario import BadScenario, Scenario, read_scenario, scenario_names

GOOD = """
title = "Mine"
duration_s = 5
pods = 1
[load]
loop = "closed"
users = 2
think_s = 0.1
[keys]
count = 3
[cache]
ttl_s = 1
[origin]
latency = "fixed(10)"
connections = 4
"""


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_of_the_lab_is_valid_and_tunes_within_bounds(name: str) -> None:
    scenario = read_scenario(name)
    strategies = discover().strategies
    for strategy, params in scenario.params.items():
        strategies[strategy].checked_params(params)


@pytest.mark.parametrize("name", scenario_names())
def test_a_pod_accepts_what_a_scenario_states(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = read_scenario(name)
    for variable, value in scenario.pod_environment(seed=7).items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert settings.ttl_s == scenario.cache.ttl_s
    assert (settings.items, settings.key_space) == (scenario.keys.count, scenario.keys.ids)
    assert settings.origin_latency == scenario.origin.latency
    assert settings.origin_connections == scenario.origin.connections
    assert settings.params == scenario.params
    assert settings.seed == 7


def test_a_file_of_ones_own_works_like_the_labs(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    scenario = read_scenario(str(path), duration_s=9)
    assert (scenario.name, scenario.duration_s, scenario.pods) == ("mine", 9, 1)


def test_the_scenario_that_a_run_kept_can_be_run_again(tmp_path: Path) -> None:
    scenario = read_scenario(scenario_names()[0], pods=2)
    path = tmp_path / "scenario.json"
    path.write_text(scenario.model_dump_json())
    assert read_scenario(str(path)) == scenario


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("duration_s = 5", "duration_s = 0"), "duration_s: Input should be greater than or equal to 1"),
        (("pods = 1", "pods = 99999"), "pods: Input should be less than or equal to 10000"),
        (('loop = "closed"', ""), "load.loop: must be stated"),
        (('loop = "closed"', 'loop = "open"'), "load: an open loop needs either rate_per_s or trace"),
        (("users = 2\nthink_s = 0.1", "think_s = 0.1"), "load: a closed loop needs users"),
        (("count = 3", "count = 3\nzipf = 1\nhot_share = 0.5"), "keys: state either hot_share or zipf"),
        (
            ("pods = 1", 'pods = 1\nfaults = [{kind = "cache-flushed", at_s = 5}]'),
            "faults.0.at_s must be less than",
        ),
        (("pods = 1", 'pods = 1\nfaults = [{kind = "flood", at_s = 5}]'), "faults.0: Input tag 'flood'"),
        (
            ("pods = 1", 'pods = 1\nfaults = [{kind = "pod-killed", at_s = 1, for_s = 1, pod = 1}]'),
            "faults.0.pod must be",
        ),
        (("count = 3", "count = 3\nabsent_share = 1.1"), "keys.absent_share: Input should be less than or equal to 1"),
        (("count = 3", "count = 3\nabsent_count = 7"), "keys: absent_count needs an absent_share above 0"),
        (
            ("count = 3", "count = 3\nabsent_share = 0.1\nabsent_count = 1000000"),
            "keys: count and absent_count together must be at most 1,000,000, not 1,000,003",
        ),
        (("think_s = 0.1", "think_s = 0.1\nphases = [{for_s = 1}]"), "load: trace, shape and phases need"),
        (
            ('loop = "closed"\nusers = 2\nthink_s = 0.1', 'loop = "open"\nrate_per_s = 1\nphases = [{for_s = 0}]'),
            "load.phases.0.for_s: Input should be greater than 0",
        ),
        (
            (
                'loop = "closed"\nusers = 2\nthink_s = 0.1',
                'loop = "open"\nrate_per_s = 1\nphases = [{for_s = 1}]\n'
                'shape = {kind = "step", at_s = 1, to_share = 2}',
            ),
            "load: state either phases or shape or trace",
        ),
        (
            ("pods = 1", 'pods = 1\npayload = {bytes = "many"}'),
            "payload.bytes: 'many' is not a payload",
        ),
        (("pods = 1", "pods = 1\nwrites = {rate_per_s = 0}"), "writes.rate_per_s: Input should be greater than 0"),
        (
            ("pods = 1", 'pods = 1\nwrites = {rate_per_s = 1, invalidation = "later"}'),
            "writes.invalidation: Input should be 'none', 'delete' or 'write-through'",
        ),
        (("think_s = 0.1", ""), "load: a closed loop needs either think_s or rate_per_s"),
        (("think_s = 0.1", "think_s = 0.1\nrate_per_s = 5"), "a closed loop needs either think_s or rate_per_s"),
        (("count = 3", "count = 1\nhot_share = 0.5"), "keys: hot_share needs a count of at least 2"),
        (
            ("count = 3", "count = 3\nshift = {at_s = 1, by = 3}"),
            "keys: shift.by must be less than count (3)",
        ),
        (
            ("count = 3", "count = 3\nshift = {at_s = 1}"),
            "scenario: keys.shift needs an open loop with a rate",
        ),
        (
            (
                'loop = "closed"\nusers = 2\nthink_s = 0.1\n[keys]',
                'loop = "open"\nrate_per_s = 1\n[keys]\nshift = {at_s = 5}',
            ),
            "scenario: keys.shift.at_s must be less than duration_s (5)",
        ),
        (("fixed(10)", "about 10"), "origin.latency: 'about 10' is not a latency"),
        (("ttl_s = 1", "ttl = 1"), "cache.ttl: there is no such field; did you mean ttl_s?"),
        (('title = "Mine"', ""), "title: must be stated"),
        (("pods = 1", "pods = "), "Invalid value"),
    ],
)
def test_a_bad_file_is_named_with_the_field_and_the_bound(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(BadScenario) as caught:
        read_scenario(str(path))
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_an_unknown_name_is_answered_with_those_near_to_it() -> None:
    with pytest.raises(BadScenario, match=r"no scenario 'hot_kye'; did you mean hot-key\? `lab list` names all"):
        read_scenario("hot_kye")


def test_a_closed_loop_with_think_time_has_no_target_rate() -> None:
    assert isinstance(read_scenario("primer"), Scenario)
    assert read_scenario("primer").target_rate is None
    assert read_scenario("many-keys").target_rate == 1000


def test_a_contender_is_told_of_no_write_and_no_warmer_writes_its_entries() -> None:
    cashews, static = (discover(contenders="cashews").runnable[name] for name in ("cashews", "static"))
    hot = read_scenario("hot-key")
    assert hot.why_not_for(cashews) == ""
    for table, reason in (
        ({"writes": {"rate_per_s": 1}}, "writes.invalidation: delete reaches no entry of a library"),
        ({"writes": {"rate_per_s": 1, "invalidation": "none"}}, ""),
        ({"warming": {}}, "warming: only requests write the entries of a library"),
    ):
        told = Scenario.model_validate(hot.model_dump() | table)
        assert told.why_not_for(cashews) == reason
        assert told.why_not_for(static) == ""
