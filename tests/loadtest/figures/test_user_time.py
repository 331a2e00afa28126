"""A closed loop is held to its users' time, by its answers alone."""

from collections import Counter

import numpy as np
import pytest

from loadtest.figures.user_time import unaccounted
from loadtest.workload.scenario import Scenario, read_scenario


@pytest.fixture(scope="module")
def primer() -> Scenario:
    return read_scenario("primer", duration_s=12)


def drawn(scenario: Scenario, until_s: float, seed: int) -> tuple[int, float]:
    """Requests and what they waited, of users who think, and of whom nobody is heard after `until_s`."""
    rng = np.random.default_rng(seed)
    counted: Counter[str] = Counter()
    waited_s = 0.0
    for _ in range(scenario.load.users or 0):
        now_s = rng.uniform(0, 0.1)
        while now_s < until_s:
            latency_s = 0.2 if rng.random() < 0.05 else 0.002
            counted["requests"] += 1
            waited_s += latency_s
            now_s += latency_s + rng.exponential(0.1)
    return counted["requests"], waited_s


@pytest.mark.parametrize("seed", range(10))
def test_users_who_wait_and_think_for_the_whole_time_are_fine(primer: Scenario, seed: int) -> None:
    assert unaccounted(primer, *drawn(primer, primer.duration_s, seed)) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", range(10))
def test_a_quarter_of_the_time_that_nobody_has_used_is_an_event(primer: Scenario, seed: int) -> None:
    (said,) = unaccounted(primer, *drawn(primer, 0.75 * primer.duration_s, seed))
    assert "users neither waited nor thought for 2" in said, f"seed {seed}"  # 24 to 26 %


def test_an_open_loop_and_a_timetable_are_held_to_their_schedule_instead() -> None:
    assert unaccounted(read_scenario("hot-key"), 10, 0.0) == []
