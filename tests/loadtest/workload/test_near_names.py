"""Names that are none are told with those near to them, and never with a list that fills the screen."""

import pytest
from pydantic import ValidationError

from loadtest.workload.near_names import LISTED_MAX, did_you_mean, no_such
from loadtest.workload.scenario import Scenario
from loadtest.workload.table import faults_of

MANY = ["swr", "xfetch", "half_lock", *(f"other{number}" for number in range(LISTED_MAX))]


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("swrr", MANY, "there is no strategy 'swrr'; did you mean swr? `lab list` names all"),
        ("LOCK", MANY, "there is no strategy 'LOCK'; did you mean half_lock? `lab list` names all"),
        ("zzz", MANY, "there is no strategy 'zzz'; `lab list` names all"),
        ("swrr", ["swr", "xfetch"], "there is no strategy 'swrr': name one of swr, xfetch"),
        ("swrr", [], "there is no strategy 'swrr': there is none at all"),
    ],
)
def test_near_names_are_told_and_all_only_where_they_are_few(name: str, known: list[str], told: str) -> None:
    assert no_such("strategy", name, known, "`lab list` names all") == told


def test_the_last_part_of_a_dotted_name_may_be_meant() -> None:
    assert did_you_mean("ttl", ["pods", "cache.ttl_s", "origin.latency"]) == "did you mean cache.ttl_s?"


def test_a_field_that_there_is_not_is_told_with_the_one_near_to_it_and_what_is_missing_is_one_fault() -> None:
    stated = {"load": {"rate": 3}, "faults": [{"kind": "cache-away", "at": 3, "for_s": 1}], "origin": {"latancy": 1}}
    with pytest.raises(ValidationError) as refused:
        Scenario.model_validate(stated)
    told = faults_of(refused.value, "scenario", Scenario)
    assert told[:3] == [
        "load.rate: there is no such field; did you mean rate_per_s?",
        "origin.latancy: there is no such field; did you mean latency?",
        "faults.0.cache-away.at: there is no such field; did you mean at_s?",
    ]
    assert len(told) == 4
    assert told[3].startswith("title, ") or ", title, " in told[3]
    assert told[3].endswith(": must be stated")
