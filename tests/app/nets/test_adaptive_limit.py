"""The adaptive limits find the capacity of an origin that they know nothing of."""

from statistics import median

import pytest

from app.nets.adaptive_limit import AimdLimit, GradientLimit, limit_of
from app.nets.nets import LimitNet

LATENCY_S, CONNECTIONS = 0.1, 20


def settled(net: LimitNet, rounds: int = 20_000, fails_beyond: float = 2.0) -> int:
    """The limit about which loads settle: those beyond the origin's connections queue, and too many fail."""
    limit, limits = limit_of(net), []
    for _ in range(rounds):
        under_way = limit.loads
        limits.append(under_way)
        seconds = LATENCY_S * max(1.0, under_way / CONNECTIONS)
        limit.learn(seconds, under_way, has_failed=under_way > fails_beyond * CONNECTIONS)
    return round(median(limits[rounds // 2 :]))


@pytest.mark.parametrize("initial", [1, 200])
def test_aimd_stays_about_the_number_from_which_loads_fail(initial: int) -> None:
    assert 0.8 * 40 <= settled(LimitNet(kind="aimd", initial=initial)) <= 41


@pytest.mark.parametrize("initial", [10, 60])
def test_the_gradient_leaves_no_more_of_a_queue_than_its_tolerance(initial: int) -> None:
    assert CONNECTIONS <= settled(LimitNet(kind="gradient", initial=initial, tolerance=1.2)) <= 3 * CONNECTIONS


def test_the_gradient_shrinks_when_latency_jumps_and_grows_back() -> None:
    limit = GradientLimit(LimitNet(initial=20, most=50))
    for _ in range(800):
        limit.learn(LATENCY_S, limit.loads, has_failed=False)
    before = limit.loads
    for _ in range(200):
        limit.learn(10 * LATENCY_S, limit.loads, has_failed=False)
    during = limit.loads
    assert during < before / 2
    for _ in range(600):
        limit.learn(LATENCY_S, limit.loads, has_failed=False)
    assert limit.loads > 2 * during


def test_a_quick_failure_shows_no_free_capacity() -> None:
    limit = GradientLimit(LimitNet(initial=20))
    limit.learn(LATENCY_S, 20, has_failed=False)
    before = limit.loads
    for _ in range(100):
        limit.learn(LATENCY_S / 100, 20, has_failed=True)
    assert limit.loads == before


def test_a_limit_that_is_not_in_use_does_not_grow() -> None:
    for limit in (AimdLimit(LimitNet(kind="aimd")), GradientLimit(LimitNet())):
        for _ in range(100):
            limit.learn(LATENCY_S, 1, has_failed=False)
        assert limit.loads == 20


def test_no_limit_leaves_its_bounds() -> None:
    for kind in ("aimd", "gradient"):
        net = LimitNet.model_validate({"kind": kind, "initial": 5, "least": 3, "most": 8})
        up, down = limit_of(net), limit_of(net)
        seen = set()
        for number in range(3_000):
            up.learn(LATENCY_S, up.loads, has_failed=False)
            down.learn(LATENCY_S * 1.01 ** min(number, 500), down.loads, has_failed=kind == "aimd")
            seen |= {up.loads, down.loads}
        assert min(seen) >= 3
        assert max(seen) == 8
