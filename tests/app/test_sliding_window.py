"""A window that slides, estimated from two that do not."""

from random import Random

import pytest

from app.sliding_window import SlidingWindow

LENGTH_S = 10.0


def estimated(times_s: list[float], now_s: float) -> float:
    window = SlidingWindow.of(LENGTH_S)
    number = window.number(now_s)
    before, current = (
        sum(window.number(at_s) == one and at_s <= now_s for at_s in times_s) for one in (number - 1, number)
    )
    return window.estimate(before, current, now_s)


@pytest.mark.parametrize("now_s", [30.0, 33.3, 39.999, 1_700_000_003.7])
def test_an_even_rate_is_estimated_exactly(now_s: float) -> None:
    rate = 50.0
    times_s = [now_s - number / rate for number in range(int(3 * LENGTH_S * rate))]
    assert estimated(times_s, now_s) == pytest.approx(rate * LENGTH_S, abs=1.5)


def test_random_accesses_are_estimated_within_their_own_spread() -> None:
    for seed in range(50):
        rng = Random(seed)
        rate, now_s = rng.uniform(1, 100), 1_000 + rng.uniform(0, LENGTH_S)
        times_s = [now_s - rng.uniform(0, 4 * LENGTH_S) for _ in range(round(4 * LENGTH_S * rate))]
        real = sum(now_s - LENGTH_S < at_s for at_s in times_s)
        assert abs(estimated(times_s, now_s) - real) <= 4 * (rate * LENGTH_S) ** 0.5, f"seed {seed}"


def test_a_burst_is_forgotten_within_two_lengths_and_counts_whole_while_its_window_runs() -> None:
    burst = [31.0] * 100
    assert estimated(burst, 31.0) == estimated(burst, 39.9) == 100
    assert estimated(burst, 45.0) == pytest.approx(50)
    assert estimated(burst, 49.999) == pytest.approx(0, abs=0.1)
    assert estimated(burst, 50.0) == 0
