"""The rate limits take what their rate allows, tell when the next token comes, and keep a bounded number of clients."""

import math

import pytest

from app.nets.nets import Net, Nets
from app.nets.rate_limit import RateLimit
from app.nets.refusals import RateLimited
from app.nets.retry_after import retry_headers
from tests.app.nets.clock import HandClock


def limits(clock: HandClock, **nets: float) -> RateLimit:
    limit = RateLimit.of(Nets.model_validate(nets), clock)
    assert limit is not None
    return limit


def refusal(limit: RateLimit, client: str) -> tuple[Net, float] | None:
    try:
        limit.admit(client)
    except RateLimited as limited:
        return limited.net, limited.retry_after_s or 0.0
    return None


def test_there_is_no_rate_limit_unless_one_is_set() -> None:
    assert RateLimit.of(Nets(), HandClock()) is None


def test_over_a_long_time_the_rate_is_taken_and_no_more() -> None:
    clock = HandClock()
    limit, taken = limits(clock, rate_limit_per_s=10, burst_s=0.5), 0
    for _ in range(1_000):  # 100 requests/s for ten seconds
        taken += refusal(limit, "any") is None
        clock.at_s += 0.01
    assert taken == pytest.approx(10 * 10 + 5, abs=1)


def test_the_rest_is_the_time_to_the_next_token() -> None:
    clock = HandClock()
    limit = limits(clock, rate_limit_per_s=2, burst_s=0.5)
    assert refusal(limit, "any") is None
    assert refusal(limit, "any") == (Net.RATE_LIMIT, 0.5)
    clock.at_s += 0.25
    assert refusal(limit, "any") == (Net.RATE_LIMIT, 0.25)
    clock.at_s += 0.25
    assert refusal(limit, "any") is None


def test_a_greedy_client_takes_nothing_of_the_others() -> None:
    clock = HandClock()
    limit = limits(clock, rate_limit_per_s=100, rate_limit_per_client_per_s=1, burst_s=1)
    assert [refusal(limit, "greedy") for _ in range(99)].count(None) == 1
    assert [refusal(limit, f"client {number}") for number in range(99)] == [None] * 99
    net, _ = refusal(limit, "one more") or (None, 0.0)
    assert net is Net.RATE_LIMIT, "the limit for all"


def test_no_more_clients_are_kept_than_may_be() -> None:
    clock = HandClock()
    limit = limits(clock, rate_limit_per_client_per_s=1, clients_max=10)
    for number in range(1_000):
        limit.admit(f"client {number}")
    assert len(limit._clients) == 10
    assert refusal(limit, "client 999") is not None, "those seen last are kept"


@pytest.mark.parametrize("rest_s", [0.0, 0.001, 0.999, 1.0, 1.001, 59.5, 1e9])
def test_retry_after_is_whole_seconds_rounded_up_and_the_exact_time_in_milliseconds(rest_s: float) -> None:
    lines = dict(line.split(": ") for line in retry_headers(rest_s).split("\r\n")[:-1])
    assert int(lines["retry-after"]) == min(3_600, max(1, math.ceil(rest_s)))
    assert int(lines["x-retry-after-ms"]) == min(3_600_000, math.ceil(rest_s * 1000))
