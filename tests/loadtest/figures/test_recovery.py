"""When a run came back from its trigger, on planted series: Poisson arrivals, and answers that fail as stated."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from loadtest.figures.recovery import STAYS_S, STEP_S, UNKNOWN, Recovery, recovery
from loadtest.workload.trigger import Trigger

TRIGGER = Trigger(20, 25)
Failing = Callable[[float], float]
"""The share of the requests that fail, by seconds since the load began."""


def planted(
    failing: Failing, rate_per_s: float = 300, duration_s: float = 70, seed: int = 1, trigger: Trigger = TRIGGER
) -> Recovery:
    rng = np.random.default_rng(seed)
    steps = round(duration_s / STEP_S)
    asked = rng.poisson(rate_per_s * STEP_S, steps)
    shares = np.array([failing(number * STEP_S) for number in range(steps)])
    return recovery(asked, asked - rng.binomial(asked, shares), trigger, is_paced=True)


def until(end_s: float, share: float = 1.0, healthy: float = 0.0) -> Failing:
    return lambda at_s: share if 20 <= at_s < end_s - 1e-9 else healthy


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_comes_back_does_so_when_its_failures_end(seed: int) -> None:
    found = planted(until(32.3), seed=seed)
    assert found.recovers_after_s == pytest.approx(7.3, abs=0.15)
    assert found.worst_second == 0


def test_a_run_that_was_back_before_its_trigger_ended_is_back_after_none() -> None:
    assert planted(until(23)).recovers_after_s == 0
    assert planted(lambda _: 0.0) == Recovery(0.0, 1.0)


def test_a_relapse_counts_from_its_own_end() -> None:
    found = planted(lambda at_s: 1.0 if 20 <= at_s < 27 or 40 <= at_s < 41.5 else 0.0)
    assert found.recovers_after_s == pytest.approx(16.5, abs=0.15)


@pytest.mark.parametrize("share", [1.0, 0.3, 0.1])
def test_a_run_that_stays_short_of_its_goodput_never_comes_back(share: float) -> None:
    assert planted(until(1_000, share)).recovers_after_s == math.inf


@pytest.mark.parametrize(("rate_per_s", "healthy"), [(300, 0.0), (300, 0.03), (40, 0.03), (8, 0.0), (2_000, 0.5)])
def test_chance_is_no_outage(rate_per_s: float, healthy: float) -> None:
    """Poisson arrivals, and a system that fails some of its requests when it is well, in forty runs each."""
    runs = [planted(until(28, 1.0, healthy), rate_per_s, seed=seed) for seed in range(40)]
    late = [run for run in runs if run.recovers_after_s is None or run.recovers_after_s > 3.5]
    assert len(late) <= 1, late


def test_a_single_failed_request_at_a_low_rate_is_no_relapse() -> None:
    asked = np.ones(700, dtype=np.int64)  # ten in a second
    good = asked.copy()
    good[200:280] = 0
    good[500] = 0
    assert recovery(asked, good, TRIGGER, is_paced=True).recovers_after_s == pytest.approx(3, abs=0.6)


@pytest.mark.parametrize(
    ("back_s", "duration_s"), [(25, 25 + STAYS_S - 0.5), (28, 28 + STAYS_S - 0.5), (40, 28), (25, 25)]
)
def test_a_run_that_ends_too_early_tells_nothing(back_s: float, duration_s: float) -> None:
    assert planted(until(back_s), duration_s=duration_s).recovers_after_s is None


def test_nothing_is_told_without_a_time_before_or_where_nothing_was_good_in_it() -> None:
    assert planted(until(30), trigger=Trigger(1, 5)) == UNKNOWN
    assert planted(lambda _: 1.0) == UNKNOWN


def test_users_who_wait_for_answers_are_missed_though_all_that_they_ask_for_is_answered() -> None:
    asked = np.random.default_rng(1).poisson(40, 700)
    asked[200:310] = 0
    assert recovery(asked, asked, TRIGGER, is_paced=False).recovers_after_s == pytest.approx(6, abs=0.5)
    asked[200:] = 3
    found = recovery(asked, asked, TRIGGER, is_paced=False)
    assert found.recovers_after_s == math.inf
    assert found.worst_second == pytest.approx(3 / 40, abs=0.02)


def test_a_step_of_the_load_is_judged_by_shares_so_that_more_requests_are_no_better() -> None:
    asked = np.repeat([30, 90], [200, 500])
    good = np.minimum(asked, 60)
    found = recovery(asked, good, Trigger(20, 20), is_paced=True)
    assert found == Recovery(math.inf, round(2 / 3, 4))
