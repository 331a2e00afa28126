"""What may follow --set, and what grid comes of it."""

from typing import Any

import pytest

from app.discovery import discover
from loadtest.studies.sweep.grid import BadSetting, Point, points, read_setting, several
from loadtest.workload.scenario import Scenario

STRATEGIES = discover().strategies
TABLE: dict[str, Any] = {
    "name": "small",
    "title": "Small",
    "duration_s": 2,
    "pods": 2,
    "load": {"loop": "open", "rate_per_s": 100, "shape": {"kind": "step", "at_s": 1, "to_share": 2}},
    "keys": {"count": 4},
    "cache": {"ttl_s": 1},
    "origin": {"latency": "fixed(50)", "connections": 4},
    "params": {"jitter": {"spread": 0.2}},
    "faults": [{"kind": "cache-away", "at_s": 1, "for_s": 0.5}],
}
SMALL = Scenario.model_validate(TABLE)


def grid(*texts: str, names: str = "static,xfetch,jitter") -> list[Point]:
    settings = [read_setting(text, SMALL, STRATEGIES) for text in texts]
    return points(SMALL, {name: STRATEGIES[name] for name in names.split(",")}, settings)


def test_a_text_may_hold_several_settings_and_a_space_within_a_value_is_no_new_one() -> None:
    assert several("  ttl_s=2,5 xfetch.beta = 0.5,1\n origin.latency=uniform(1, 2),fixed(3)") == [
        "ttl_s=2,5", "xfetch.beta = 0.5,1", "origin.latency=uniform(1, 2),fixed(3)",
    ]  # fmt: skip


def test_without_settings_every_strategy_is_one_point() -> None:
    assert grid() == [Point(name, SMALL, {}) for name in ("static", "xfetch", "jitter")]


def test_the_grid_is_the_product_and_a_parameter_multiplies_its_own_strategy_alone() -> None:
    found = grid("xfetch.beta=0.5,1,2", "cache.ttl_s=1,5", "jitter.form=longer", "pods=1,2")
    assert [point.strategy for point in found] == ["static", *["xfetch"] * 3, "jitter"] * 4
    assert len({(point.strategy, *point.settings.items()) for point in found}) == len(found)
    assert [(point.scenario.cache.ttl_s, point.scenario.pods) for point in found[::5]] == [
        (1, 1),
        (1, 2),
        (5, 1),
        (5, 2),
    ]
    assert all(point.settings.keys() == {"cache.ttl_s", "pods"} for point in found if point.strategy == "static")
    assert [point.scenario.params["xfetch"] for point in found[1:4]] == [{"beta": 0.5}, {"beta": 1}, {"beta": 2}]
    assert found[4].scenario.params == {"jitter": {"spread": 0.2, "form": "longer"}}, "what the scenario states stays"
    assert found[1].settings == {"cache.ttl_s": 1.0, "pods": 1, "xfetch.beta": 0.5}


def test_commas_within_parentheses_belong_to_the_value() -> None:
    found = grid("origin.latency=fixed(20), uniform(20, 50),lognormal(30,0.5)", names="static")
    assert [point.scenario.origin.latency for point in found] == ["fixed(20)", "uniform(20, 50)", "lognormal(30,0.5)"]


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("ttl_s=2", "cache.ttl_s"),
        ("latency=fixed(1)", "origin.latency"),
        ("duration_s=2", "duration_s"),
        ("to_share=3", "load.shape.to_share"),
        ("faults.0.for_s=0.2", "faults.0.for_s"),
        ("zipf=null,0.9", "keys.zipf"),
    ],
)
def test_the_last_part_of_a_field_is_enough_where_there_is_one(short: str, name: str) -> None:
    assert all(list(point.settings) == [name] for point in grid(short))


def test_a_setting_is_written_as_it_is_read() -> None:
    for text in (
        "cache.ttl_s=0.5,2",
        "origin.latency=fixed(20),uniform(20, 50)",
        "keys.zipf=null,0.9",
        "xfetch.beta=1",
    ):
        read = read_setting(text, SMALL, STRATEGIES)
        assert str(read) == text
        assert read_setting(str(read), SMALL, STRATEGIES) == read


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["ttl_s"], "--set ttl_s: write it as name=value"),
        (["ttl_s="], "--set ttl_s=: write it as name=value"),
        (["ttl_s=1,,2"], "write it as name=value"),
        (["=1"], "write it as name=value"),
        (["nothing=1"], "--set: there is no setting 'nothing'; "),
        (["xfetch.gamma=1"], "--set: there is no setting 'xfetch.gamma': name one of xfetch.beta"),
        (["at_s=1"], "--set at_s: name one of load.shape.at_s, faults.0.at_s"),
        (["params=1"], "--set: there is no setting 'params'"),
        (["ttl_s=1,1.0"], "--set ttl_s: 1 is there twice"),
        (["ttl_s=1", "cache.ttl_s=2"], "--set cache.ttl_s: is there twice"),
        (["ttl_s=2,0.01"], "--set cache.ttl_s=0.01: Input should be greater than or equal to 0.05"),
        (["pods=1.5"], "--set pods=1.5: Input should be a valid integer"),
        (["origin.latency=often"], "--set origin.latency=often: 'often' is not a latency"),
        (["to_share=-1"], "--set load.shape.to_share=-1: Input should be greater than or equal to 0"),
        (["xfetch.beta=1,-1"], "--set xfetch.beta=-1: xfetch.beta: must be a number from 0 to 100, not -1"),
        (["jitter.form=square"], "--set jitter.form=square: jitter.form: must be one of"),
        (["duration_s=1", "pods=1,2"], "--set duration_s=1, pods=1: faults.0.at_s must be less"),
        (["swr.keep_share=1"], "--set: there is no setting 'swr.keep_share'"),
        ([f"ttl_s={','.join(map(str, range(1, 1_100)))}"], "1099 values are more than 1000"),
        ([f"{name}={','.join(map(str, range(1, 401)))}" for name in ("ttl_s", "pods")], "480,000 points are more than"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_its_bound(texts: list[str], said: str) -> None:
    with pytest.raises(BadSetting) as caught:
        grid(*texts)
    assert said in str(caught.value)


def test_a_parameter_of_a_strategy_that_is_not_there_is_no_silent_no() -> None:
    with pytest.raises(BadSetting, match="xfetch does not take part"):
        grid("xfetch.beta=1", names="static")
