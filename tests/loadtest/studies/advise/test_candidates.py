"""Candidates keep within the age that is allowed, and a pool that no strategy can make enough is told by formula."""

import pytest

from app.discovery import discover
from loadtest.studies.advise.candidates import Candidate, Excluded, first_of, others_of
from loadtest.studies.advise.pool_load import advice_beyond, is_beyond_pool
from loadtest.studies.advise.service import BadService, Service
from loadtest.studies.advise.situations import Situation, staged

TTL_S = 60.0
STRATEGIES = discover().strategies


@pytest.mark.parametrize("allowed_s", [60.0, 75.0, 90.0])
@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_no_candidate_promises_an_answer_older_than_allowed(name: str, allowed_s: float) -> None:
    strategy = STRATEGIES[name]
    first = first_of(strategy, TTL_S, allowed_s)
    tried = [one for one in (first, *others_of(strategy, TTL_S, allowed_s)) if isinstance(one, Candidate)]
    for one in tried:
        assert strategy.stated(TTL_S, one.params).oldest_s() <= allowed_s + 1e-6, one.label


def test_without_any_age_beyond_the_ttl_no_strategy_that_lives_by_stale_answers_is_left() -> None:
    left = [one for name in STRATEGIES if isinstance(one := first_of(STRATEGIES[name], TTL_S, TTL_S), Candidate)]
    assert left
    for one in left:
        assert STRATEGIES[one.strategy].stated(TTL_S, one.params).mechanism().window_s == 0, one.label
    assert any(isinstance(first_of(one, TTL_S, TTL_S), Excluded) for one in STRATEGIES.values())


def test_a_pool_below_one_load_per_key_and_ttl_is_enough_for_nobody() -> None:
    service = Service(keys=100_000, rate_per_s=3_000, ttl_s=10, origin="fixed(350)", pool=20, pods=2)
    assert is_beyond_pool(service)
    advice = advice_beyond(service, [], seed=1)
    assert advice.best is None
    assert advice.break_evens[0].value is not None
    assert advice.break_evens[0].value > 20


def test_each_situation_is_a_scenario_and_all_but_the_cold_start_begin_warm() -> None:
    service = Service(keys=50, rate_per_s=100, ttl_s=5, origin="fixed(100)", zipf=1, pool=5, pods=3)
    for situation in Situation:
        scenario, begin_s = staged(service, situation)
        assert (begin_s == 0) == (situation is Situation.COLD)
        assert (scenario.warming is None) == (situation is Situation.COLD)
        assert scenario.connections_shared == 5


@pytest.mark.parametrize(("field", "value"), [("keys", 0), ("pool", 0), ("pods", 0), ("rate_per_s", -1), ("ttl_s", 0)])
def test_a_number_that_no_service_has_is_named_with_its_bound(field: str, value: float) -> None:
    whole = {"keys": 10, "rate_per_s": 10, "ttl_s": 5, "origin": "fixed(100)"}
    with pytest.raises(BadService, match=f"{field}: must be from"):
        Service(**(whole | {field: value}))  # type: ignore[arg-type]
