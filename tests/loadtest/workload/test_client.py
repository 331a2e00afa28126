"""Clients' retries: each delay lies in its formula's range and is the same everywhere; a budget is kept to."""

from typing import Any

import pytest
from pydantic import ValidationError

from loadtest.workload.client import (
    BUDGET_BURST,
    RETRY_AFTER_MAX_S,
    UNANSWERED_ATTEMPT,
    ClientTable,
    Outcome,
    RetryBudget,
    RetryPolicy,
    backoff_s,
    draw,
    number_of,
    retry_after_s,
)

REQUESTS = 4_000


def delays(attempt: int, **stated: Any) -> list[float]:
    """The delays of many requests after that attempt, in order of size."""
    table = ClientTable(retries=20, **{"base_s": 0.2, "cap_s": 2.0} | stated)
    return sorted(backoff_s(table, 7, number, attempt) for number in range(REQUESTS))


def fills(found: list[float], low: float, high: float) -> bool:
    """Whether the delays lie between the bounds, and come within 1 % of both with their mean in the middle."""
    edge = 0.01 * (high - low)
    inside = low <= found[0] <= low + edge and high - edge <= found[-1] <= high
    return inside and sum(found) / len(found) == pytest.approx((low + high) / 2, rel=0.03)


@pytest.mark.parametrize(("attempt", "grown_s"), [(1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6), (5, 2.0), (20, 2.0)])
def test_an_exponential_delay_doubles_up_to_its_cap_and_jitter_takes_its_part_of_it(
    attempt: int, grown_s: float
) -> None:
    assert delays(attempt, jitter="none") == pytest.approx([grown_s] * REQUESTS)
    assert fills(delays(attempt, jitter="full"), 0.0, grown_s)
    assert fills(delays(attempt, jitter="equal"), grown_s / 2, grown_s)


def test_a_fixed_delay_is_its_base_before_every_retry() -> None:
    for attempt in (1, 5, 20):
        assert delays(attempt, backoff="fixed", jitter="none") == [0.2] * REQUESTS
        assert fills(delays(attempt, backoff="fixed", jitter="full"), 0.0, 0.2)
        assert fills(delays(attempt, backoff="fixed", jitter="equal"), 0.1, 0.2)


def test_a_decorrelated_delay_lies_between_the_base_and_three_times_the_one_before() -> None:
    table = ClientTable(retries=20, base_s=0.2, cap_s=2.0, jitter="decorrelated")
    assert fills(delays(1, jitter="decorrelated"), 0.2, 0.6)
    for number in range(200):
        before_s = table.base_s
        for attempt in range(1, 21):
            delay_s = backoff_s(table, 7, number, attempt)
            assert 0.2 <= delay_s <= min(2.0, 3 * before_s)
            before_s = delay_s
    assert max(delays(6, jitter="decorrelated")) == 2.0


def test_delays_depend_on_seed_request_and_attempt_and_on_nothing_else() -> None:
    drawn = [draw(3, number, attempt) for number in (0, 9) for attempt in (1, 2)]
    assert drawn[0] == 0.7968558620060932, "the same on every machine"
    assert len({*drawn, draw(4, 0, 1), draw(3, 0, 1, "leave")}) == 6


def test_a_closed_loops_requests_have_numbers_of_their_own() -> None:
    assert sorted(number_of(user, asked, 5) for user in range(5) for asked in range(4)) == [*range(20)]


def test_what_another_attempt_may_better_is_retried() -> None:
    codes = (0, 200, 301, 400, 404, 428, 429, 430, 499, 500, 503, 599)
    assert [code for code in codes if Outcome(code).is_retried] == [0, 429, 500, 503, 599]


def test_a_request_ends_with_its_last_retry_or_with_an_answer() -> None:
    policy = RetryPolicy(ClientTable(retries=2, backoff="fixed", base_s=0.5, jitter="none"), 1)
    assert [policy.delay_s(0, attempt, UNANSWERED_ATTEMPT) for attempt in (1, 2, 3)] == [0.5, 0.5, None]
    assert policy.delay_s(0, 1, Outcome(200)) is None
    assert RetryPolicy(ClientTable(), 1).delay_s(0, 1, UNANSWERED_ATTEMPT) is None


def test_a_client_that_goes_by_its_own_delays_ignores_a_retry_after() -> None:
    asked = Outcome(503, retry_after_s=7.0)
    obeys, ignores = (ClientTable(retries=1, base_s=0.2, obeys_retry_after=obeyed) for obeyed in (True, False))
    assert (RetryPolicy(obeys, seed=1).delay_s(0, 1, asked) or 0.0) >= 7.0
    assert (RetryPolicy(ignores, seed=1).delay_s(0, 1, asked) or 0.0) <= 0.2


def test_a_retry_after_is_a_floor_of_the_delay_up_to_a_bound() -> None:
    policy = RetryPolicy(ClientTable(retries=1, backoff="fixed", base_s=0.5, jitter="none"), 1)
    assert policy.delay_s(0, 1, Outcome(503, 2.0)) == 2.0
    assert policy.delay_s(0, 1, Outcome(503, 0.1)) == 0.5
    assert policy.delay_s(0, 1, Outcome(503, 1e9)) == RETRY_AFTER_MAX_S


@pytest.mark.parametrize(("jitter", "width_s"), [("full", 0.2), ("equal", 0.1), ("decorrelated", 0.4)])
def test_clients_that_are_told_the_same_moment_are_spread_after_it(jitter: str, width_s: float) -> None:
    table = ClientTable(retries=1, jitter=jitter)
    assert fills(sorted(backoff_s(table, 7, number, 1, 1.0) for number in range(REQUESTS)), 1.0, 1.0 + width_s)
    early = [backoff_s(table, 7, number, 1, 0.01) for number in range(REQUESTS)]
    assert min(early) >= 0.01


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        (" 0 ", 0.0),
        ("9" * 50, 999_999_999.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        (None, 0.0),
        ("", 0.0),
        ("-3", 0.0),
        ("soon", 0.0),
        ("²", 0.0),
    ],
)
def test_a_retry_after_header_states_seconds_or_a_date(header: str | None, seconds: float) -> None:
    assert retry_after_s(header, 60.0) == seconds


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 1.5])
def test_a_budget_bounds_retries_by_its_share_of_the_requests_and_a_burst(share: float) -> None:
    budget, made = RetryBudget(share), 0
    for requests in range(1, 501):
        budget.earn()
        made += sum(budget.spend() for _ in range(20))
        assert made <= share * requests + BUDGET_BURST
    assert made >= share * 500 + BUDGET_BURST - max(1, 2 * share)  # and is spent


def test_a_quiet_hour_saves_up_no_more_than_a_burst() -> None:
    budget = RetryBudget(0.5)
    for _ in range(10_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) == BUDGET_BURST


def test_processes_share_the_burst_of_a_budget() -> None:
    table = ClientTable(retries=1, budget=0.0)
    made = [RetryPolicy(table, 1, processes=2).delay_s(number, 1, UNANSWERED_ATTEMPT) for number in range(3)]
    policy = RetryPolicy(table, 1, processes=2)
    again = [policy.delay_s(number, 1, UNANSWERED_ATTEMPT) for number in range(20)]
    assert None not in made
    assert sum(delay_s is not None for delay_s in again) == BUDGET_BURST / 2


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"retries": 21}, "retries\n.*less than or equal to 20"),
        ({"retries": -1}, "retries\n.*greater than or equal to 0"),
        ({"timeout_s": 0}, "timeout_s\n.*greater than or equal to 0.001"),
        ({"base_s": 5, "cap_s": 1}, r"cap_s \(1\) must be at least base_s \(5\)"),
        ({"jitter": "some"}, "jitter\n.*'none', 'full', 'equal' or 'decorrelated'"),
        ({"backoff": "linear"}, "backoff\n.*'fixed' or 'exponential'"),
        ({"jitter": "decorrelated", "backoff": "fixed"}, "jitter: decorrelated .* needs backoff exponential"),
        ({"budget": -0.1}, "budget\n.*greater than or equal to 0"),
        ({"budget": float("nan")}, "budget\n.*finite"),
        ({"tries": 3}, "tries\n.*not permitted"),
    ],
)
def test_a_table_that_cannot_be_is_refused_by_field_and_bound(stated: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ClientTable(**stated)


def test_what_is_stated_of_retries_without_any_is_told() -> None:
    assert ClientTable(timeout_s=1, budget=0.1).without_effect == ["client.budget has no effect: client.retries is 0"]
    assert ClientTable(retries=1, budget=0.1).without_effect == ClientTable(timeout_s=1).without_effect == []


def test_without_the_table_clients_wait_and_ask_once() -> None:
    assert ClientTable().is_patient
    assert not ClientTable(timeout_s=1).is_patient
    assert not ClientTable(retries=1).is_patient
