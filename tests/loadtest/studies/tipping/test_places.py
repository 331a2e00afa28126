"""Where a map is drawn, what it refuses, and which of its places are worth a run of real processes."""

import math
from typing import Any

import pytest

from loadtest.studies.tipping.fate import Fate, Found, fate
from loadtest.studies.tipping.native_places import chosen
from loadtest.studies.tipping.places import BadMap, MapPlan, Place, plan_map
from loadtest.workload.scenario import Scenario
from tests.loadtest.report.test_report import row

BEFORE_S, OWN_S, AFTER_S = 20.0, 4.0, 30.0
SPIKE = {"kind": "spike", "at_s": BEFORE_S, "for_s": OWN_S, "to_share": 3.0}


def scenario(**other: Any) -> Scenario:
    fault = {"kind": "origin-slow", "at_s": BEFORE_S, "for_s": OWN_S, "times": 10.0}
    stated = {
        "name": "mine", "title": "t", "duration_s": BEFORE_S + OWN_S + AFTER_S, "pods": 2,
        "load": {"loop": "open", "rate_per_s": 100.0}, "keys": {"count": 10}, "cache": {"ttl_s": 5.0},
        "origin": {"latency": "fixed(100)", "connections": 8}, "faults": [fault],
    }  # fmt: skip
    return Scenario.model_validate(stated | other)


def plan(loads: str | None = None, trigger: str | None = None, **other: Any) -> MapPlan:
    return plan_map(scenario(**other), ["naive", "mine"], loads, trigger, seed=7)


def found(strategy: str, rate_per_s: float, trigger: float, after_s: float | None, **other: Any) -> Found:
    figures = {"recovers_after_s": after_s, "worst_second": 1.0 if after_s == 0 else 0.1, "world": "virtual", **other}
    return Found(Place(strategy, rate_per_s, trigger), row(strategy, **figures))


def test_each_place_has_its_load_and_its_trigger_and_as_long_to_come_back() -> None:
    runs = plan("50,200", "1,8").runs()
    assert len(runs) == 8
    for place, run in runs.items():
        (fault,) = run.scenario.faults
        assert run.strategy == place.strategy
        assert run.scenario.load.rate_per_s == place.rate_per_s
        assert run.scenario.trigger is not None
        assert run.scenario.trigger.end_s - fault.at_s == place.trigger
        assert run.scenario.duration_s - run.scenario.trigger.end_s == AFTER_S


@pytest.mark.parametrize("field", ["times", "to_share"])
def test_a_trigger_may_grow_in_size_instead_of_length(field: str) -> None:
    load = {"loop": "open", "rate_per_s": 100.0, "shape": SPIKE}
    mapped = plan("100", f"{field}=2,4", **({"load": load, "faults": []} if field == "to_share" else {}))
    for place, run in mapped.runs().items():
        holder = run.scenario.faults[0] if run.scenario.faults else run.scenario.load.shape
        assert getattr(holder, field) == place.trigger
        assert run.scenario.duration_s == BEFORE_S + OWN_S + AFTER_S


def test_without_options_the_map_lies_around_the_scenarios_own_place() -> None:
    mapped = plan()
    assert 100.0 in mapped.rates_per_s
    assert OWN_S in mapped.triggers
    assert [*mapped.rates_per_s] == sorted(mapped.rates_per_s)


@pytest.mark.parametrize(
    ("loads", "trigger", "other", "told"),
    [
        ("fast", None, {}, "--load fast: write numbers"),
        ("0,100", None, {}, "--load 0,100: every number must be finite, and more than 0"),
        ("100,100", None, {}, "--load 100,100: a number is there twice"),
        (",".join(map(str, range(1, 30))), None, {}, "--load: 29 numbers are more than 24"),
        (None, "size=2", {}, "--trigger size: the trigger of mine has no such number; it has for_s, times"),
        (None, "times=0.5", {}, "at load 25/s, times 0.5: faults.0"),
        (None, None, {"faults": []}, "mine: has no trigger"),
        (None, None, {"load": {"loop": "closed", "users": 5, "think_s": 1}}, "mine: load: a map needs an open loop"),
        (None, None, {"duration_s": 30.0}, "mine: duration_s leaves 6 s after the trigger; a map needs at least 10"),
        (None, "3600", {}, "duration_s"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_name(
    loads: str | None, trigger: str | None, other: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadMap) as refused:
        plan(loads, trigger, **other)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("figures", "is_so"),
    [
        ({"recovers_after_s": 0.0, "worst_second": 0.97}, Fate.WELL),
        ({"recovers_after_s": 0.0, "worst_second": 0.2}, Fate.BACK),
        ({"recovers_after_s": 3.2, "worst_second": 0.0}, Fate.BACK),
        ({"recovers_after_s": math.inf, "worst_second": 0.0}, Fate.NEVER),
        ({"recovers_after_s": None, "worst_second": 0.0}, Fate.UNKNOWN),
        ({"recovers_after_s": math.inf, "worst_second": 0.0, "valid": False}, Fate.UNKNOWN),
    ],
)
def test_a_fate_is_what_the_figures_of_a_valid_run_tell(figures: dict[str, Any], is_so: Fate) -> None:
    assert fate(row("mine", **figures)) is is_so


def test_measured_are_a_place_that_is_lost_the_best_remedy_there_and_one_that_comes_back() -> None:
    mapped = plan("100,200,300", "1,2,4")
    fates = [
        found(name, rate_per_s, trigger, (math.inf if rate_per_s >= 200 else 2.0) if name == "naive" else 0.0)
        for name in mapped.strategies
        for rate_per_s in mapped.rates_per_s
        for trigger in mapped.triggers
    ]
    lost, remedied, back, *more = chosen(mapped, fates, "naive", 4)
    assert lost == Place("naive", 300.0, 1.0)  # all around it are lost too
    assert remedied == lost._replace(strategy="mine")
    assert (back.strategy, back.rate_per_s) == ("naive", 100.0)
    assert len(more) == 1
    assert chosen(mapped, fates, "naive", 0) == []
