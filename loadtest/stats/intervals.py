"""Claims from repeats: medians with intervals, ratios of medians, and tests of a difference.

All of it is Student's t of the logarithms, since figures scatter by a factor; so intervals and tests agree.
A percentile bootstrap needs no such model, but is wrong for few repeats. Nominal 95 % are 48 % at n = 2,
73 % at n = 3 and 90 % at n = 7. Permutations cannot get below a p of 2 / C(2n, n).
The scatter of strategies differs twenty-fold: hence Welch's test, with Satterthwaite's degrees of freedom.
Repeats of the same seeds, and so the same arrivals, are compared in pairs. A figure that is 0 in some repeat is taken
without logarithm. A time that is infinite in some repeat is taken by its speed, 1 / (1 + s): never is 0, at once is 1.
Sources: Welch 1947; Holm 1979; Murphy & Myors 1999 (least effects).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy  # scipy.special, a sixth of a second, is imported with its first use

from loadtest.figures.records import Floats

ALPHA = 0.05
"""The chance of at least one false difference among all figures that are compared together."""
REPEATS_MIN = 3
"""The fewest repeats on each side of a claim: two are too few to see a scatter."""
LEVEL = 0.95
POWER = 0.8

INTERVAL_LEGEND = (
    "[low, high]: 95 % interval of the median, by Student's t of the logarithms (of the values where one is 0); one "
    "repeat has none."
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def median_interval(values: Sequence[float]) -> Interval | None:
    """The interval of the median; None for fewer than two repeats, or where one is infinite."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    sample = np.asarray(values, dtype=np.float64)
    positive = bool(sample.min() > 0)
    scale = np.log(sample) if positive else sample
    half = _quantile(len(sample) - 1) * math.sqrt(float(scale.var(ddof=1)) / len(sample))
    low, high = float(scale.mean()) - half, float(scale.mean()) + half
    if positive:
        low, high = _exp(low), _exp(high)
    elif sample.min() >= 0:
        low = max(0.0, low)
    middle = float(np.median(sample))
    return Interval(min(low, middle), max(high, middle))


def ratio_interval(
    of: Sequence[float], to: Sequence[float], resolution: float = 0.0, paired: bool = False
) -> Interval | None:
    """The interval of the ratio of the medians. None for fewer than two repeats, or for a figure of 0 or infinity."""
    if min(len(of), len(to)) < 2 or min(*of, *to) <= 0 or math.isinf(max(*of, *to)):
        return None
    gap = _gap(to, of, resolution, paired)
    half = _quantile(gap.freedom) * gap.error
    middle = float(np.median(of) / np.median(to))
    return Interval(min(_exp(gap.mean - half), middle), max(_exp(gap.mean + half), middle))


def _quantile(freedom: float) -> float:
    return -float(scipy.special.stdtrit(freedom, (1 - LEVEL) / 2))


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


class _Gap(NamedTuple):
    """The difference of the means of two samples, on the logarithms where no figure is 0."""

    mean: float  # the second less the first
    error: float  # standard error of it
    freedom: float
    positive: bool


def _gap(a: Sequence[float], b: Sequence[float], resolution: float, paired: bool) -> _Gap:
    one, other = _finite(a, b)
    positive, step = bool(min(one.min(), other.min()) > 0), resolution
    if positive:
        one, other = np.log(one), np.log(other)
        step = resolution / math.exp(float(np.mean([*one, *other])))
    least = step**2 / 12  # the variance of rounding: repeats that agree have scattered by less than the step, not by 0
    if paired:
        apart = other - one
        variance = max(float(apart.var(ddof=1)), 2 * least)
        return _Gap(float(apart.mean()), math.sqrt(variance / len(apart)), len(apart) - 1, positive)
    parts = [max(float(sample.var(ddof=1)), least) / len(sample) for sample in (one, other)]
    below = sum(part**2 / (len(sample) - 1) for part, sample in zip(parts, (one, other), strict=True))
    freedom = sum(parts) ** 2 / below if below else float(len(one) + len(other) - 2)
    return _Gap(float(other.mean() - one.mean()), math.sqrt(sum(parts)), freedom, positive)


def _finite(a: Sequence[float], b: Sequence[float]) -> tuple[Floats, Floats]:
    """Both samples as they are, or where a time is infinite by their speeds, which are negative to keep the order."""
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return (-1 / (1 + one), -1 / (1 + other)) if np.isinf([*a, *b]).any() else (one, other)


@dataclass(frozen=True, slots=True)
class Test:
    """A test of the difference between two samples."""

    p: float  # two-sided
    error: float  # standard error of the difference, on the logarithms; NaN where a figure is 0 in some repeat
    freedom: float
    drift: float

    __test__ = False  # pytest: not a class of tests

    def change_seen(self, alpha: float) -> float:
        """The least ratio that would have been found at this alpha four times in five; NaN where there is none."""
        found, least = scipy.special.stdtrit(self.freedom, np.array([POWER, alpha / 2]))
        return math.exp(math.log1p(self.drift) + float(found - least) * self.error)


def difference(
    a: Sequence[float], b: Sequence[float], resolution: float, drift: float = 0.0, paired: bool = False
) -> Test | None:
    """Test that the two differ by more than a factor of 1 + `drift`. None for fewer than `REPEATS_MIN` repeats.

    `resolution` is the step that the figure is rounded to: repeats that agree have scattered by less than it, not by 0.
    Where a figure is 0 in some repeat it is taken as it is, without logarithm, and `drift` as a share of the mean.
    `paired`: the repeats of both stand in the order of the seeds that they have in common.
    """
    if min(len(a), len(b)) < REPEATS_MIN:
        return None
    gap = _gap(a, b, resolution, paired)
    margin = math.log1p(drift) if gap.positive else drift * float(np.mean(np.abs(np.concatenate(_finite(a, b)))))
    apart = abs(gap.mean)
    if gap.error == 0:
        return Test(0.0 if apart > margin else 1.0, 0.0 if gap.positive else math.nan, gap.freedom, drift)
    # the p of the null hypothesis that is hardest to refute: a true difference of exactly the margin
    tails = scipy.special.stdtr(gap.freedom, np.array([margin - apart, -margin - apart]) / gap.error)
    p = float(tails[0] + tails[1])
    return Test(min(1.0, p), gap.error if gap.positive else math.nan, gap.freedom, drift)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values, corrected for the number of tests: one at or below alpha is significant (Holm 1979)."""
    adjusted, least = [1.0] * len(ps), 0.0
    for place, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        least = max(least, min(1.0, (len(ps) - place) * ps[index]))
        adjusted[index] = least
    return adjusted
