"""What repeats allow to be said: medians with intervals, ratios of medians, and whether two samples differ at all.

Intervals are percentile bootstraps of the median. Not BCa: its acceleration is a jackknife, which is inconsistent for a
median and undefined when repeats agree. With five or fewer repeats such an interval is their whole range, which covers
the true median with 1 - 2^(1-n): 94 % at n = 5, 75 % at n = 3. `INTERVAL_LEGEND` says so wherever intervals are shown.

A difference is tested with Student's t on logarithms (figures scatter by a factor), with one variance for both samples:
two runs of one commit have one distribution, and then this is exact for normal logarithms and has the most degrees of
freedom. Permutations need no such model, but cannot get below a p of 2 / C(2n, n): 0.1 at n = 3, 0.008 at n = 5, where
Holm's correction for 40 figures asks for 0.00125; they would need 7 repeats a side to find anything at all.
Sources: Efron & Tibshirani 1993, chapters 13 and 14; Holm 1979; Murphy & Myors 1999 (least effects).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import stdtr, stdtrit

from loadtest.records import Floats

ALPHA = 0.05
"""The chance that anything at all among the figures compared together is called different when nothing is."""
REPEATS_MIN = 3
"""On each side, for a claim: two are too few to see a scatter."""
LEVEL = 0.95
RESAMPLES = 9_999
SEED = 20_150_831  # any: the same repeats must give the same interval
POWER = 0.8

INTERVAL_LEGEND = (
    "[low, high]: 95 % percentile bootstrap interval of the median; with 2 to 5 repeats it is their range, which "
    "covers the true median less often (94 % at n = 5, 75 % at n = 3); one repeat has none."
)


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def median_interval(values: Sequence[float]) -> Interval | None:
    """Of the median; None for fewer than two repeats."""
    if len(values) < 2:
        return None
    return _quantiles(_resampled_medians(values, np.random.default_rng(SEED)))


def ratio_interval(of: Sequence[float], to: Sequence[float]) -> Interval | None:
    """Of the ratio of the medians; both are resampled. None for fewer than two repeats, or where one of them is 0."""
    if min(len(of), len(to)) < 2 or min(*of, *to) <= 0:
        return None
    random = np.random.default_rng(SEED)
    return _quantiles(_resampled_medians(of, random) / _resampled_medians(to, random))


def _resampled_medians(values: Sequence[float], random: np.random.Generator) -> Floats:
    drawn = random.integers(0, len(values), (RESAMPLES, len(values)))
    medians: Floats = np.median(np.asarray(values, dtype=np.float64)[drawn], axis=1)
    return medians


def _quantiles(medians: Floats) -> Interval:
    tail = (1 - LEVEL) / 2
    # nearest rank: between two repeats there is nothing to interpolate
    low, high = np.quantile(medians, [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(low), float(high))


@dataclass(frozen=True, slots=True)
class Test:
    """Of the difference between two samples."""

    p: float  # two-sided
    error: float  # standard error of the difference, on the logarithms; NaN where a figure is 0 in some repeat
    freedom: int
    drift: float

    __test__ = False  # pytest: not a class of tests

    def change_seen(self, alpha: float) -> float:
        """The least ratio that would have been found at this alpha four times in five; NaN where none can be said."""
        quantile = -float(stdtrit(self.freedom, alpha / 2)) + float(stdtrit(self.freedom, POWER))
        return math.exp(math.log1p(self.drift) + quantile * self.error)


def difference(a: Sequence[float], b: Sequence[float], resolution: float, drift: float = 0.0) -> Test | None:
    """Test that the two differ by more than a factor of 1 + `drift`. None for fewer than `REPEATS_MIN` repeats.

    `resolution` is the step that the figure is rounded to: repeats that agree have scattered by less than it, not by 0.
    Where a figure is 0 in some repeat it is taken as it is, without logarithm, and `drift` as a share of the mean.
    """
    if min(len(a), len(b)) < REPEATS_MIN:
        return None
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    positive = bool(min(one.min(), other.min()) > 0)
    step, margin = resolution, drift * float(np.mean(np.abs([*a, *b])))
    if positive:
        one, other = np.log(one), np.log(other)
        step, margin = resolution / math.exp(float(np.mean([*one, *other]))), math.log1p(drift)
    freedom = len(one) + len(other) - 2
    scatter = float(((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()) / freedom
    error = math.sqrt(max(scatter, step**2 / 12) * (1 / len(one) + 1 / len(other)))
    gap = abs(float(one.mean() - other.mean()))
    # the p of the null hypothesis that is hardest to refute: a true difference of exactly the margin
    p = float(stdtr(freedom, (margin - gap) / error) + stdtr(freedom, -(margin + gap) / error))
    return Test(min(1.0, p), error if positive else math.nan, freedom, drift)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values as they count when all of them were looked at: one at or below alpha is a find (Holm 1979)."""
    adjusted, least = [1.0] * len(ps), 0.0
    for place, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        least = max(least, min(1.0, (len(ps) - place) * ps[index]))
        adjusted[index] = least
    return adjusted


class Outcome(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"
    SAME = "not distinguishable"
    IDENTICAL = "identical"
    TOO_FEW = "n too small to tell"


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure twice: is `b` another than `a`?"""

    a: tuple[float, ...]
    b: tuple[float, ...]
    resolution: float  # the step that it is rounded to
    drift: float = 0.0  # the share that is no difference yet
    exact: bool = False
    """Both in virtual time and with the same seeds: then a difference needs no test, but is one of these seeds only."""

    @property
    def identical(self) -> bool:
        return self.exact and self.a == self.b

    @property
    def n(self) -> str:
        sizes = (len(self.a), len(self.b))
        return f"n = {sizes[0]}" if sizes[0] == sizes[1] else f"n = {sizes[0]} and {sizes[1]}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said of a pair, given all that it was judged together with."""

    pair: Pair
    outcome: Outcome
    p: float | None = None  # after Holm's correction; None where nothing was tested
    change_seen: float = math.nan
    """The least ratio, either way, that would have been found four times in five."""

    @property
    def ratio(self) -> float | None:
        """Of the medians, b to a; None where a's is 0."""
        base = float(np.median(self.pair.a))
        return float(np.median(self.pair.b)) / base if base else None

    @property
    def interval(self) -> Interval | None:
        """Of that ratio; None where nothing was tested."""
        return None if self.p is None else ratio_interval(self.pair.b, self.pair.a)

    @property
    def these_seeds_only(self) -> bool:
        """A difference that was not tested: it is there, and may be no other seed's."""
        return self.p is None and self.outcome in {Outcome.HIGHER, Outcome.LOWER}

    @property
    def words(self) -> str:
        return self.outcome + (" with these seeds" if self.these_seeds_only else "")

    @property
    def would_show(self) -> str:
        """What would have been told from no difference, where nothing was."""
        if self.outcome is Outcome.TOO_FEW:
            return f"from n = {REPEATS_MIN} on"
        nothing = self.outcome is not Outcome.SAME or math.isnan(self.change_seen)
        return "" if nothing else percent(self.change_seen - 1)


def judge(pairs: Sequence[Pair]) -> list[Verdict]:
    """A verdict on each, such that the chance of a false difference among all of them is at most `ALPHA`."""
    tests = [difference(pair.a, pair.b, pair.resolution, pair.drift) for pair in pairs]
    # repeats that all agree could not have come out as a difference however they were dealt: no chance to correct for
    counted = [at for at, pair in enumerate(pairs) if tests[at] and not pair.identical and len({*pair.a, *pair.b}) > 1]
    adjusted = dict(zip(counted, holm([test.p for at in counted if (test := tests[at])]), strict=True))
    verdicts = []
    for at, pair in enumerate(pairs):
        test, p = tests[at], adjusted.get(at, 1.0)
        if pair.identical:
            verdicts.append(Verdict(pair, Outcome.IDENTICAL))
        elif test is None:
            verdicts.append(Verdict(pair, _direction(pair) if pair.exact else Outcome.TOO_FEW))
        else:
            # a claim needs both, so that no sentence contradicts the interval in it
            bounds = ratio_interval(pair.b, pair.a) if p <= ALPHA else None
            found = p <= ALPHA and (bounds is None or 1 not in bounds)
            seen = test.change_seen(ALPHA / max(1, len(counted)))
            verdicts.append(Verdict(pair, _direction(pair) if found else Outcome.SAME, p, seen))
    return verdicts


def _direction(pair: Pair) -> Outcome:
    """By the medians; where they agree, by the means."""
    a, b = ((float(np.median(values)), float(np.mean(values))) for values in (pair.a, pair.b))
    return Outcome.SAME if a == b else Outcome.HIGHER if b > a else Outcome.LOWER


def percent(share: float) -> str:
    return f"{100 * share:.{'2g' if share < 0.0995 else '0f'}} %"
