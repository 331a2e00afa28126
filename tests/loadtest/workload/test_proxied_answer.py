"""Status and age of an answer that a proxy has passed on or kept, from when it was loaded."""

import pytest

from app.strategy import Status
from loadtest.workload.proxied_answer import through_proxy

SENT_S, ENDED_S = 1_000.0, 1_000.5


@pytest.mark.parametrize(
    ("told", "began_s", "loaded_s", "status"),
    [
        ("hit", 990.0, 990.2, Status.HIT),
        ("hit", 999.8, 999.999, Status.HIT),
        ("hit", 999.8, 1_000.1, Status.COLLAPSED),
        ("stale", 990.0, 990.2, Status.STALE),
        ("miss", 1_000.1, 1_000.4, Status.MISS),
    ],
)
def test_a_hit_on_what_was_loaded_while_the_request_waited_is_a_collapsed_one(
    told: str, began_s: float, loaded_s: float, status: Status
) -> None:
    found, age_s = through_proxy(told, f"began={began_s}; ended={loaded_s}", SENT_S, ENDED_S)
    assert found == status
    assert age_s == pytest.approx(ENDED_S - began_s)


@pytest.mark.parametrize("loaded", ["", "began=1", "began=x; ended=2", "began=nan; ended=2", "ended=2"])
def test_without_both_moments_nothing_is_known_of_the_age(loaded: str) -> None:
    assert through_proxy("hit", loaded, SENT_S, ENDED_S) == ("hit", None)
