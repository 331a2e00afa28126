"""The expected peak: the most origin reads in any second of a run."""

import math

import numpy as np
import scipy

from app.strategy import MechanismKind
from loadtest.figures.records import Floats
from loadtest.theory.key_groups import KeyGroups
from loadtest.theory.mean_field import followed_s, mean_field

DRAWS = (np.arange(32) + 0.5) / 32 - 0.5
"""Expiries that stand for those of a range, in widths of it from its middle."""


def peak_1s(keys: KeyGroups, per_expiry: Floats) -> float:
    """The larger of two: the first expiry, or cold start, of all keys together, and the busiest second of the rest."""
    return max(_later(keys, per_expiry), _together(keys, per_expiry))


def _later(keys: KeyGroups, per_expiry: Floats) -> float:
    """The peak once the keys' phases are random, as a mean and what the busiest second exceeds it by.

    It is the largest herd of one dominant key, or else the busiest of `duration_s` windows.
    """
    often = np.array([1 / cycle.cycle_s for cycle in keys.cycles])
    scatter = keys.scatter(per_expiry)
    means = keys.counts * per_expiry * often
    square = per_expiry**2 + scatter
    variances = keys.counts * square * often * np.maximum(0.0, 1 - often)  # in a second, a key seldom expires twice
    if keys.counts[0] == 1 and variances[0] > variances[1:].sum():
        herd_var = 0.0 if keys.users else scatter[0]
        luck = _luck(keys.duration_s * often[0]) * math.sqrt(herd_var + variances[1:].sum())
        return float(per_expiry[0] * math.ceil(often[0]) + means[1:].sum() + luck)
    luck = _luck(4 * keys.duration_s)  # a window that slides has about four times as many chances
    later = float(means.sum() + luck * math.sqrt(variances.sum()) + (luck**2 - 1) / 6)  # and Poisson's skew
    return min(later, float(keys.counts @ (per_expiry * np.ceil(often))))


def _together(keys: KeyGroups, per_expiry: Floats) -> float:
    """The peak of a cold start, or of the moment when a warm-up's entries expire."""
    if keys.is_cold:
        return mean_field(keys, 2.0)[1]
    if keys.answers_wait:
        first = mean_field(keys, min(keys.width_s + 2, followed_s(keys)))[1]
        clump = (keys.counts @ (per_expiry**2 + keys.scatter(per_expiry))) / (keys.counts @ per_expiry)
        first += _luck(keys.width_s) * math.sqrt(first * clump * max(0.0, 1 - 1 / max(1.0, keys.width_s)))
        return min(first, float(keys.counts @ per_expiry))
    # answers do not wait for loads: by the chance that a key has not been loaded, where the mean expiry is at 0
    seconds_s = np.linspace(-keys.ttl_s, keys.width_s / 2, 1_000)[:, None] + np.array([0.0, 1.0])[:, None, None]
    scale_s = keys.scale_s if keys.kind is MechanismKind.EARLY and keys.scale_s else 1e-9
    unloaded = np.zeros((*seconds_s.shape[:2], len(keys.rates)))
    for expiry_s in keys.width_s * DRAWS:
        times_s = seconds_s - expiry_s
        asked_s = scale_s * np.exp(np.minimum(times_s, 0) / scale_s) + np.maximum(times_s, 0)
        unloaded += np.exp(-keys.rates * asked_s) / len(DRAWS)
    first = float((-np.diff(unloaded, axis=0)[0] @ keys.counts).max())
    more = _luck(keys.width_s) * math.sqrt(first * max(0.0, 1 - 1 / max(1.0, keys.width_s)))
    return min(first + more, float(keys.counts.sum()))


def _luck(windows: float) -> float:
    """The excess of the busiest of so many independent windows, in standard deviations (Blom 1958)."""
    windows = max(1.0, windows)
    return float(scipy.special.ndtri((windows - 0.375) / (windows + 0.25)))
