"""How far a published figure may lie from ours and still be the same: as far as chance and rounding carry it.

The source ran once and rounded; the lab runs in virtual time over many seeds. The spread of those seeds is the only
scatter that is allowed, for the source's run as for ours, so every range can be missed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import scipy

CONFIDENCE = 0.99
"""Of a claim that holds: the chance that its figure lies within reach."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one figure over the seeds of a variant; of a ratio, over pairs of the same seed."""

    mean: float
    deviation: float  # standard deviation of a single run; 0 where there is but one seed
    seeds: int

    @property
    def quantile(self) -> float:
        """Standard deviations to either side: Student's t, because the deviation is estimated too."""
        return float(scipy.special.stdtrit(self.seeds - 1, (1 + CONFIDENCE) / 2)) if self.seeds > 1 else math.inf

    def reach(self, runs: int, of_the_mean: bool) -> float:
        """How far the figure of one published run may be from the mean of `runs` of ours, either way; with
        `of_the_mean` how far what is claimed of the mean itself may be."""
        variance = 1 / max(1, runs) + (0 if of_the_mean else 1)
        return self.quantile * self.deviation * math.sqrt(variance) if self.deviation else 0.0


def spread(values: Sequence[float]) -> Spread | None:
    """None where nothing was run, or a ratio has no value."""
    if not values or not all(map(math.isfinite, values)):
        return None
    return Spread(fmean(values), stdev(values) if len(values) > 1 else 0.0, len(values))


def rounding_step(value: float) -> float:
    """The step that a number was rounded to, by the digits that it is written with: 1 of 61, 0.01 of 0.81."""
    _, _, decimals = f"{value:.10f}".rstrip("0").partition(".")
    return 10.0 ** -len(decimals)
