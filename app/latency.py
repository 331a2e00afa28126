"""The origin's latency: a seeded distribution, written as text so that it fits a setting."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from app.distribution_text import read_distribution

LEAST_MS, LONGEST_MS = 1e-6, 60_000.0
"""The least time that may be stated beside 0, a nanosecond, and the longest latency that any distribution draws."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution: `fixed(ms)`, `uniform(low, high)` in ms, or `lognormal(median, sigma)` with the median in ms."""

    text: str
    mean_ms: float
    draw_ms: Callable[[Random], float]
    longest_ms: float  # of a lognormal: but for one draw in a billion
    cdf: Callable[[float], float]  # the share of draws that take no longer than so many ms
    deviation_ms: float  # standard deviation
    is_fixed: bool = False

    @staticmethod
    def parse(text: str) -> "Latency":
        """The distribution that the text states. Raises ValueError saying what is allowed."""
        return read_distribution(
            text,
            _KINDS,
            "a latency: fixed(ms), uniform(low, high) or lognormal(median, sigma), "
            f"ms = 0 or {LEAST_MS:g} <= ms <= {LONGEST_MS:g}, low <= high, 0 <= sigma <= 3",
        )


def _check(*milliseconds: float) -> None:
    if not all(value == 0 or LEAST_MS <= value <= LONGEST_MS for value in milliseconds):
        raise ValueError


def _fixed(text: str, ms: float) -> Latency:
    _check(ms)
    return Latency(text, ms, lambda rng: ms, ms, lambda at: float(at >= ms), 0.0, is_fixed=True)


def _uniform(text: str, low: float, high: float) -> Latency:
    _check(low, high)
    if low > high:
        raise ValueError
    width = high - low

    def cdf(at: float) -> float:
        return min(1.0, max(0.0, (at - low) / width)) if width else float(at >= low)

    return Latency(text, (low + high) / 2, lambda rng: low + width * rng.random(), high, cdf, width / math.sqrt(12))


def _lognormal(text: str, median: float, sigma: float) -> Latency:
    _check(median)
    if not (0 <= sigma <= 3 and median > 0):
        raise ValueError
    mu = math.log(median)
    # the far tail is cut, so that no draw holds a connection for ever
    longest_ms = min(median * math.exp(6 * sigma), LONGEST_MS)
    mean_ms = math.exp(mu + sigma**2 / 2)

    def draw_ms(rng: Random) -> float:
        return min(rng.lognormvariate(mu, sigma), LONGEST_MS)

    def cdf(at: float) -> float:
        if at >= LONGEST_MS:
            return 1.0
        if at <= 0 or sigma == 0:
            return float(at >= median)
        return math.erfc((mu - math.log(at)) / (sigma * math.sqrt(2))) / 2

    return Latency(text, mean_ms, draw_ms, longest_ms, cdf, mean_ms * math.sqrt(math.expm1(sigma**2)))


_KINDS: dict[str, Callable[..., Latency]] = {"fixed": _fixed, "uniform": _uniform, "lognormal": _lognormal}
