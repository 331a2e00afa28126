from random import Random
from statistics import fmean

import pytest

from app.latency import LONGEST_MS, Latency


@pytest.mark.parametrize("text", ["fixed(200)", "uniform(20, 50)", "lognormal(100, 0.5)"])
def test_draws_have_the_stated_mean_and_repeat_with_the_seed(text: str) -> None:
    latency = Latency.parse(text)
    draws = [[latency.draw_ms(rng) for _ in range(20_000)] for rng in (Random(7), Random(7))]
    assert draws[0] == draws[1]
    assert fmean(draws[0]) == pytest.approx(latency.mean_ms, rel=0.02)


def test_the_far_tail_is_cut() -> None:
    rng = Random(7)
    latency = Latency.parse("lognormal(50000, 3)")
    assert max(latency.draw_ms(rng) for _ in range(1_000)) == LONGEST_MS


@pytest.mark.parametrize(
    "text",
    ["", "fixed", "fixed()", "fixed(-1)", "fixed(1, 2)", "fixed(nan)", "fixed(inf)", "uniform(50, 20)", "uniform(1)",
     "lognormal(0, 1)", "lognormal(1, 9)", "normal(1, 2)", "fixed(200) "[:-2], "fixed(60001)",
     "fixed(1e-7)", "uniform(2e-308, 1)"],
)  # fmt: skip
def test_what_is_no_latency_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"fixed\(ms\), uniform\(low, high\) or lognormal\(median, sigma\)"):
        Latency.parse(text)
