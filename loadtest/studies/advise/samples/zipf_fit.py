"""The exponent of Zipf's law that fits counted keys best, and how well it fits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXPONENT_MAX = 5.0
DISTANCE_MAX = 0.03
"""The largest distance of the shares from the law, both summed up by rank, with which it stands for the keys."""
EVEN_DEVIATIONS = 4.0
"""The standard deviations of chance within which keys count as equally popular."""
_HALVINGS = 60
_NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class ZipfFit:
    """Zipf's law as fitted to a sample by maximum likelihood."""

    exponent: float
    error_95: float
    """Half the width of its 95 % interval, from the Fisher information."""
    distance: float
    """The largest difference of the summed shares, measured and by the law (Kolmogorov-Smirnov)."""

    @property
    def fits(self) -> bool:
        """Whether the law may stand for the measured shares."""
        return self.distance <= DISTANCE_MAX


def fit_zipf(ranked: Sequence[int]) -> ZipfFit | None:
    """The fit to the requests of each key, the most popular first; None for fewer than three keys."""
    counts = np.asarray(ranked, dtype=np.float64)
    if len(counts) < 3:
        return None
    logs = np.log(np.arange(1, len(counts) + 1, dtype=np.float64))
    total = float(counts.sum())
    mean_log = float(counts @ logs) / total
    low, high = 0.0, EXPONENT_MAX
    for _ in range(_HALVINGS):  # the mean log rank falls with the exponent, so the likelihood has one maximum
        middle = (low + high) / 2
        low, high = (middle, high) if float(_law(logs, middle) @ logs) > mean_log else (low, middle)
    exponent = (low + high) / 2
    law = _law(logs, exponent)
    spread = float(law @ logs**2) - float(law @ logs) ** 2
    distance = float(np.abs(np.cumsum(law) - np.cumsum(counts) / total).max())
    return ZipfFit(exponent, _NORMAL_95 / math.sqrt(total * spread), distance)


def are_even(ranked: Sequence[int]) -> bool:
    """Whether chance alone explains that some keys have more requests than others (chi-square)."""
    counts = np.asarray(ranked, dtype=np.float64)
    free = len(counts) - 1
    if free < 1:
        return True
    statistic = float(((counts - counts.mean()) ** 2).sum() / counts.mean())
    return statistic <= free + EVEN_DEVIATIONS * math.sqrt(2 * free)


def _law(logs: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    weights = np.exp(-exponent * logs)
    return np.asarray(weights / weights.sum())
