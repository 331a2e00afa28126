"""Verdicts on figures that are compared together, corrected for their number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from loadtest.stats.intervals import ALPHA, REPEATS_MIN, Interval, difference, holm, ratio_interval


class ComparisonOutcome(StrEnum):
    """The outcome of comparing one figure of two samples."""

    HIGHER = "higher"
    LOWER = "lower"
    SAME = "not distinguishable"
    IDENTICAL = "identical"
    TOO_FEW = "n too small to tell"


@dataclass(frozen=True, slots=True)
class SamplePair:
    """One figure in two samples, `a` and `b`, to be tested for a difference."""

    a: tuple[float, ...]
    b: tuple[float, ...]
    resolution: float  # the step that it is rounded to
    drift: float = 0.0  # the share that does not count as a difference
    exact: bool = False
    """True for virtual time with the same seeds: a difference needs no test, but holds for these seeds only."""
    paired: bool = False
    """True where both have the same seeds in the same order."""

    @property
    def identical(self) -> bool:
        return self.exact and self.a == self.b

    @property
    def n(self) -> str:
        sizes = (len(self.a), len(self.b))
        return f"n = {sizes[0]}" if sizes[0] == sizes[1] else f"n = {sizes[0]} and {sizes[1]}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a pair, corrected for all the pairs that were judged together."""

    pair: SamplePair
    outcome: ComparisonOutcome
    p: float | None = None  # after Holm's correction; None where nothing was tested
    change_seen: float = math.nan
    """The least ratio, either way, that would have been found four times in five."""

    @property
    def ratio(self) -> float | None:
        """The ratio of the medians, b to a; None where a's is 0, or one of them is infinite."""
        base, other = float(np.median(self.pair.a)), float(np.median(self.pair.b))
        return other / base if base and math.isfinite(base) and math.isfinite(other) else None

    @property
    def interval(self) -> Interval | None:
        """The interval of that ratio; None where nothing was tested."""
        if self.p is None:
            return None
        return ratio_interval(self.pair.b, self.pair.a, self.pair.resolution, self.pair.paired)

    @property
    def these_seeds_only(self) -> bool:
        """Whether a difference was not tested, so that other seeds may not show it."""
        return self.p is None and self.outcome in {ComparisonOutcome.HIGHER, ComparisonOutcome.LOWER}

    @property
    def words(self) -> str:
        return self.outcome + (" with these seeds" if self.these_seeds_only else "")

    @property
    def would_show(self) -> str:
        """The least change that would have been found where none was, or the repeats that would be needed."""
        if self.outcome is ComparisonOutcome.TOO_FEW:
            return f"from n = {REPEATS_MIN} on"
        nothing = self.outcome is not ComparisonOutcome.SAME or math.isnan(self.change_seen)
        return "" if nothing else percent(self.change_seen - 1)


def judge(pairs: Sequence[SamplePair]) -> list[Verdict]:
    """A verdict on each pair; the chance of a false difference among all of them is at most `ALPHA`."""
    tests = [difference(pair.a, pair.b, pair.resolution, pair.drift, pair.paired) for pair in pairs]
    # repeats that all agree cannot be a false difference, so that they need no correction
    counted = [at for at, pair in enumerate(pairs) if tests[at] and not pair.identical and len({*pair.a, *pair.b}) > 1]
    adjusted = dict(zip(counted, holm([test.p for at in counted if (test := tests[at])]), strict=True))
    verdicts = []
    for at, pair in enumerate(pairs):
        test, p = tests[at], adjusted.get(at, 1.0)
        if pair.identical:
            verdicts.append(Verdict(pair, ComparisonOutcome.IDENTICAL))
        elif test is None:
            verdicts.append(Verdict(pair, _direction(pair) if pair.exact else ComparisonOutcome.TOO_FEW))
        else:
            # a claim needs both, so that no sentence contradicts the interval in it
            bounds = ratio_interval(pair.b, pair.a, pair.resolution, pair.paired) if p <= ALPHA else None
            found = p <= ALPHA and (bounds is None or 1 not in bounds)
            seen = test.change_seen(ALPHA / max(1, len(counted)))
            verdicts.append(Verdict(pair, _direction(pair) if found else ComparisonOutcome.SAME, p, seen))
    return verdicts


def _direction(pair: SamplePair) -> ComparisonOutcome:
    """The direction by the medians, or by the means where the medians are equal."""
    a, b = ((float(np.median(values)), float(np.mean(values))) for values in (pair.a, pair.b))
    return ComparisonOutcome.SAME if a == b else ComparisonOutcome.HIGHER if b > a else ComparisonOutcome.LOWER


def percent(share: float) -> str:
    return f"{100 * share:.{'2g' if share < 0.0995 else '0f'}} %"
