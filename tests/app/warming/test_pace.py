"""The pace of a warmer: never more than its rate in any second, wherever that begins, however late turns are taken."""

from bisect import bisect_left
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as drawn

from app.warming.pace import MARGIN, Pace


def turns(rate_per_s: int, late_s: list[float], begin_s: float = 0.0) -> list[float]:
    """The moments of turns, each taken so many seconds after it came."""
    pace, now_s, taken = Pace(rate_per_s), begin_s, []
    for each_s in late_s:
        now_s += pace.wait_s(now_s) + each_s
        pace.take(now_s)
        taken.append(now_s)
    return taken


def most_in_a_second(moments_s: list[float]) -> int:
    return max(bisect_left(moments_s, at_s + 1.0) - place for place, at_s in enumerate(moments_s))


@given(rate_per_s=drawn.integers(1, 200), seed=drawn.integers(0, 10**6))
def test_no_second_has_more_turns_than_the_rate(rate_per_s: int, seed: int) -> None:
    rng = Random(seed)
    late_s = rng.choices([0.0, 0.001, 0.3, 1.0], [50, 10, 1, 1], k=400)
    assert most_in_a_second(turns(rate_per_s, late_s, rng.choice([0.0, 1e5, 0.1]))) <= rate_per_s


def test_turns_that_are_taken_at_once_come_nearly_at_the_rate() -> None:
    moments_s = turns(100, [0.0] * 1_000)
    assert moments_s[-1] == pytest.approx(10 * (1 + MARGIN), rel=0.01)
    assert most_in_a_second(moments_s) >= 99


def test_a_turn_that_has_not_come_cannot_be_taken() -> None:
    pace = Pace(10)
    pace.take(5.0)
    with pytest.raises(ValueError, match="the next turn comes in"):
        pace.take(5.09)
