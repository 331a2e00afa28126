"""Requests for ids that do not exist, in virtual time: 404s that are no errors, and negative entries."""

from typing import Any

import pytest

from app.discovery import discover
from app.settings import Settings
from loadtest.report.workload_in_words import sentence
from loadtest.sim.cluster.events import OriginAsked, Subscriber
from loadtest.sim.cluster.simulate import simulate
from loadtest.theory.predict import silent_because
from loadtest.workload.scenario import Scenario

STRATEGIES = discover().strategies
KEYS, ABSENT, DURATION_S, RATE = 5, 3, 10, 200


def penetrating(share: float = 0.3, **keys: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "penetration",
            "title": "Ids that do not exist",
            "duration_s": DURATION_S,
            "pods": 3,
            "load": {"loop": "open", "rate_per_s": RATE},
            "keys": {"count": KEYS, "absent_share": share, "absent_count": ABSENT} | keys,
            "cache": {"ttl_s": 5},
            "origin": {"latency": "fixed(50)", "connections": 64},
        }
    )


def absent_reads(scenario: Scenario, strategy: str) -> int:
    asked: list[OriginAsked] = []
    simulate(scenario, STRATEGIES[strategy], 1, observers=[Subscriber({OriginAsked: asked.append})])
    return sum(event.item_id >= KEYS for event in asked)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_404_is_neither_an_error_nor_wrong_and_hits_by_array_stay_exact(name: str) -> None:
    by_array, one_by_one = (simulate(penetrating(), STRATEGIES[name], 1, by_array=how) for how in (True, False))
    assert by_array.violation is None
    assert (by_array.row.errors, by_array.row.wrong_answers, by_array.row.valid) == (0, 0, True)
    assert by_array.row == one_by_one.row


def test_one_load_serves_an_absent_id_for_as_long_as_its_negative_entry_lives() -> None:
    negative_s = Settings.model_fields["negative_ttl_s"].default
    cycles = DURATION_S / (negative_s + 0.05) + 1
    assert ABSENT * (cycles - 2) < absent_reads(penetrating(), "singleflight") <= ABSENT * cycles


def test_ids_that_are_asked_for_once_go_through_to_the_origin_whatever_the_strategy() -> None:
    scenario = penetrating(absent_count=900_000)
    for name in ("static", "singleflight"):
        assert absent_reads(scenario, name) == pytest.approx(0.3 * RATE * DURATION_S, rel=0.1)


def test_it_is_told_in_words_and_theory_is_silent() -> None:
    assert "5 keys, and 30 % of all requests for 3 ids that do not exist; cold start" in sentence(penetrating())
    assert silent_because(penetrating(), STRATEGIES["static"], RATE, 30) == "ids are asked for that do not exist"
    assert penetrating(0.0, absent_count=None).keys.ids == KEYS


def test_phases_are_told_in_words_and_those_beyond_the_load_have_no_effect() -> None:
    load = {
        "loop": "open",
        "rate_per_s": RATE,
        "phases": [
            {"for_s": 6},
            {"for_s": 2, "rate_share": 5, "trigger": True},
            {"for_s": 5, "shape": {"kind": "step", "at_s": 1, "to_share": 0.5}},
            {"for_s": 5},
        ],
    }
    scenario = Scenario.model_validate(penetrating().model_dump() | {"load": load})
    assert (
        "at 200 requests/s in phases, 6 s at 1 times that, 2 s at 5 times that (the trigger), 5 s at 1 times that, a "
        "step to 0.5 times that at 1 s, 5 s at 1 times that, then as stated; "
    ) in sentence(scenario)
    assert scenario.without_effect == ["load.phases.3 and later ones have no effect: the load is over at 10 s"]
    assert silent_because(scenario, STRATEGIES["static"], RATE, 30) == "the load is not steady"
