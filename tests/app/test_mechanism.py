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
        (lambda: Mechanism.refresh_ahead(ahead=1.5), "ahead is a share of the freshness, 1 at most, not 1.5"),
    ],
)
def test_what_no_entry_can_have_is_refused(made: Callable[[], Mechanism], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        made()


def test_the_promise_is_the_longest_freshness_and_what_is_served_past_it() -> None:
    drawn = Mechanism.stale(window_s=3.0, stretch=1.5, spread=1.0)
    assert (drawn.least_ttl_s(10.0), drawn.oldest_s(10.0)) == (10.0, 23.0)
    assert Mechanism.unknown(stretch=0.0).oldest_s(10.0) == 0.0
    ahead = Mechanism.refresh_ahead(ahead=0.2)
    assert (ahead.least_ttl_s(10.0), ahead.oldest_s(10.0)) == (8.0, 10.0)


def test_loads_of_one_key_at_once_have_a_bound_only_where_they_are_collapsed() -> None:
    assert Mechanism.collapse().leaders_max(3) == Mechanism.refresh_ahead(ahead=0.2).leaders_max(3) == 1
    assert Mechanism.collapse_in_pod().leaders_max(3) == 3
    assert Mechanism.none().leaders_max(3) is Mechanism.unknown().leaders_max(3) is None


def test_what_may_be_served_only_where_a_load_fails_is_promised_and_told_apart() -> None:
    one = Mechanism.stale(window_s=3.0).on_error(20.0)
    assert (one.oldest_while_well_s(10.0), one.oldest_s(10.0)) == (13.0, 33.0)
    with pytest.raises(ValueError, match="error_window_s must be a finite number from 0"):
        one.on_error(-1.0)
