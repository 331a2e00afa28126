"""A mechanism's numbers are those that an entry can have."""

import math
from collections.abc import Callable

import pytest

from app.strategy import Mechanism


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: Mechanism.stale(window_s=-1.0), "window_s must be a finite number from 0, not -1.0"),
        (lambda: Mechanism.early(beta=math.nan), "beta must be a finite number from 0, not nan"),
        (lambda: Mechanism.none(stretch=math.inf), "stretch must be a finite number from 0, not inf"),
        (lambda: Mechanism.none(spread=2.5), "a spread of 2.5 around 1 TTLs goes below 0"),
    ],
)
def test_what_no_entry_can_have_is_refused(made: Callable[[], Mechanism], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        made()


def test_the_promise_is_the_longest_freshness_and_what_is_served_past_it() -> None:
    drawn = Mechanism.stale(window_s=3.0, stretch=1.5, spread=1.0)
    assert (drawn.least_ttl_s(10.0), drawn.oldest_s(10.0)) == (10.0, 23.0)
    assert Mechanism.unknown(stretch=0.0).oldest_s(10.0) == 0.0
