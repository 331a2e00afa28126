"""What a warmer may be told, and the life that its entries get of it."""

from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from app.discovery import discover
from app.strategy import Loaded
from app.warming.lifetime import Lifetime
from app.warming.plan import WarmingPlan

STRATEGIES = discover(references=True).runnable
TTL_S, READ_S = 10.0, 1_000.0


def lifetime(strategy: str = "static", **plan: Any) -> Lifetime:
    return Lifetime(WarmingPlan(**plan), STRATEGIES[strategy].stated(TTL_S, {}), Random(1))


def loaded(updated_at_s: float | None = None) -> Loaded:
    return Loaded(b"{}", READ_S, 0.1, updated_at_s=updated_at_s)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"rate_per_s": 0}, "rate_per_s"),
        ({"rate_per_s": 100_001}, "rate_per_s"),
        ({"rate_per_s": 1.5}, "rate_per_s"),
        ({"batch": 0}, "batch"),
        ({"hit_ratio": 1.01}, "hit_ratio"),
        ({"spread": 1.0}, "spread"),
        ({"ttl": "until"}, "until_s belongs to"),
        ({"until_s": 3.0}, "until_s belongs to"),
        ({"rounds_max": 101}, "rounds_max"),
        ({"parallel": 8}, "parallel"),
    ],
)
def test_a_plan_out_of_its_bounds_is_refused_by_the_field(plan: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WarmingPlan.model_validate(plan)


def test_a_whole_ttl_for_each_ends_together_and_a_spread_one_apart_but_never_later() -> None:
    same, spread = lifetime(ttl="same"), lifetime(ttl="spread", spread=0.5)
    assert {entry.fresh_until_s for _ in range(9) if (entry := same.entry(loaded()))} == {READ_S + TTL_S}
    ends_s = sorted(entry.fresh_until_s - READ_S for _ in range(400) if (entry := spread.entry(loaded())))
    assert 0.5 * TTL_S <= ends_s[0] < 0.53 * TTL_S
    assert 0.97 * TTL_S < ends_s[-1] <= TTL_S
    assert ends_s[200] == pytest.approx(0.75 * TTL_S, abs=0.5)


def test_an_anchored_entry_ends_a_whole_ttl_after_its_item_changed() -> None:
    entry = lifetime(ttl="anchored").entry(loaded(updated_at_s=READ_S - 3 - TTL_S))
    assert entry is not None
    assert entry.fresh_until_s == READ_S + 7


def test_what_would_be_over_already_is_not_stored_and_nothing_lives_longer_than_its_ttl() -> None:
    entry = lifetime(ttl="until", until_s=READ_S + 4).entry(loaded())
    assert entry is not None
    assert entry.fresh_until_s == READ_S + 4
    assert lifetime(ttl="until", until_s=READ_S).entry(loaded()) is None
    late = lifetime(ttl="until", until_s=READ_S + 99).entry(loaded())
    assert late is not None
    assert late.fresh_until_s == READ_S + TTL_S


def test_the_window_of_a_strategy_that_serves_stale_comes_on_top_as_in_its_own_entries() -> None:
    entry = lifetime("swr", ttl="same").entry(loaded())
    assert entry is not None
    assert entry.keep_until_s - READ_S == STRATEGIES["swr"].stated(TTL_S, {}).oldest_s() > TTL_S


def test_a_strategy_that_answers_nothing_from_the_cache_has_nothing_to_warm() -> None:
    assert lifetime("nocache").fresh_s_max == 0
