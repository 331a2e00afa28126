"""How old an answer may be, by what each strategy promises."""

import pytest

from app.strategies._template import Template
from app.strategies.collapse import Collapse
from app.strategies.early import Early
from app.strategies.jitter import Jitter
from app.strategies.layered import Layered
from app.strategies.lease import TokenLease
from app.strategies.singleflight import Singleflight
from app.strategies.static import Static
from app.strategies.swr import StaleWhileRevalidate
from app.strategies.xfetch import XFetch
from app.strategy import Strategy


@pytest.mark.parametrize(
    ("strategy", "params", "oldest_s"),
    [
        (Static, {}, 10.0),
        (Singleflight, {}, 10.0),
        (XFetch, {"beta": 100.0}, 10.0),
        (Collapse, {}, 10.0),
        (TokenLease, {}, 15.0),
        (TokenLease, {"stale_s": 0.0}, 10.0),
        (Early, {"share": 0.5}, 10.0),
        (Early, {"form": "unlocked"}, 10.0),
        (StaleWhileRevalidate, {}, 15.0),
        (StaleWhileRevalidate, {"stale_s": 30.0}, 40.0),
        (Jitter, {}, 12.5),
        (Jitter, {"form": "longer"}, 15.0),
        (Jitter, {"spread": 0.0}, 10.0),
        (Jitter, {"spread": 2.0}, 20.0),
        (Layered, {"spread": 0.2, "stale_s": 5.0, "stale_if_error_s": 30.0}, 46.0),
        (Template, {"stretch": 0.5}, 5.0),
    ],
)
def test_a_strategy_promises_its_longest_ttl_and_what_it_serves_stale(
    strategy: type[Strategy], params: dict[str, float | str], oldest_s: float
) -> None:
    assert strategy.stated(10.0, params).oldest_s() == pytest.approx(oldest_s)
