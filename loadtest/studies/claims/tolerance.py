"""The distance between a published figure and ours that chance and rounding explain.

The source ran once and rounded; the lab runs in virtual time over many seeds. The spread of those seeds is the only
scatter that is allowed, for the source's run as for ours, so that a claim can fail.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import scipy

CONFIDENCE = 0.99
"""The chance that the figure of a claim that holds lies within reach."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The scatter of one figure over the seeds of a variant; a ratio's is over pairs of the same seed."""

    mean: float
    deviation: float  # standard deviation of a single run; 0 where there is but one seed
    seeds: int

    @property
    def quantile(self) -> float:
        """The reach in standard deviations: Student's t, because the deviation is estimated too."""
        return float(scipy.special.stdtrit(self.seeds - 1, (1 + CONFIDENCE) / 2)) if self.seeds > 1 else math.inf

    def reach(self, runs: int, of_the_mean: bool) -> float:
        """The distance that one published run may have from the mean of `runs` of ours, either way.

        `of_the_mean`: the distance that a claim about the mean itself may have.
        """
        variance = 1 / max(1, runs) + (0 if of_the_mean else 1)
        return self.quantile * self.deviation * math.sqrt(variance) if self.deviation else 0.0


def spread(values: Sequence[float]) -> Spread | None:
    """The spread of these values; None where nothing was run, or a ratio has no value."""
    if not values or not all(map(math.isfinite, values)):
        return None
    return Spread(fmean(values), stdev(values) if len(values) > 1 else 0.0, len(values))


def rounding_step(value: float) -> float:
    """The step that a number was rounded to, by the digits it is written with: 1 for 61, 0.01 for 0.81."""
    _, _, decimals = f"{value:.10f}".rstrip("0").partition(".")
    return 10.0 ** -len(decimals)
