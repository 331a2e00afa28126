"""Herds for a latency of any law F: the first of their loads that ends is stored, and ends them."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from app.latency import Latency
from loadtest.figures.records import Floats
from loadtest.theory.formulas import herd, pod_herd

LAW_STEPS = 1_000
"""The steps of an integral over a latency: as many even ones, and again as many in even ratios."""


class LatencyLaw(NamedTuple):
    """A latency's law at some moments after the beginning of a load: F and its integral."""

    times_s: Floats
    landed: Floats  # F
    landed_so_far_s: Floats  # its integral

    def going_on(self, rate_per_s: float) -> Floats:
        """The chance at each moment that none has ended of a load and those begun at this rate meanwhile."""
        return np.asarray((1 - self.landed) * np.exp(-rate_per_s * self.landed_so_far_s))

    def not_landed_after_wait(self, rate_per_s: float) -> Floats:
        """The chance at each moment that a load has not ended which began after an exponential wait of this rate."""
        ended = np.zeros(len(self.times_s))
        kept = np.exp(-rate_per_s * np.diff(self.times_s))
        means = (self.landed[1:] + self.landed[:-1]) / 2
        for at, (left, mean) in enumerate(zip(kept.tolist(), means.tolist(), strict=True), start=1):
            ended[at] = ended[at - 1] * left + mean * (1 - left)
        return 1 - ended


@lru_cache(maxsize=16)
def law_of(latency: Latency, end_s: float) -> LatencyLaw:
    """The law of a latency up to `end_s` seconds after a load's beginning."""
    steps_s = (np.linspace(0, end_s, LAW_STEPS), end_s * np.geomspace(1e-6, 1, LAW_STEPS))
    times_s = np.unique(np.concatenate(steps_s))
    landed = np.array([latency.cdf(1000 * time_s) for time_s in times_s.tolist()])
    areas_s = np.diff(times_s) * (landed[1:] + landed[:-1]) / 2  # trapezia
    return LatencyLaw(times_s, landed, np.concatenate(((0.0,), np.cumsum(areas_s))))


def herd_of_law(rate_per_s: float, latency: Latency, within_s: float = math.inf) -> float:
    """The herd for a latency of any law F, whose quickest load ends it.

    It is 1 + lambda times an integral over t, of (1 - F(t)) exp(-lambda times the integral of F up to t). That is the
    chance that neither the first nor any later load has ended by t. `within_s` counts only loads so soon after the
    first: for the peak, those within a second.
    """
    if latency.deviation_ms == 0:  # fixed, or a law of no width
        return herd(rate_per_s, min(latency.mean_ms / 1000, within_s))
    law = law_of(latency, min(latency.longest_ms / 1000, within_s))
    return 1 + rate_per_s * float(np.trapezoid(law.going_on(rate_per_s), law.times_s))


def herd_variance(rate_per_s: float, latency: Latency, within_s: float = math.inf) -> float:
    """The variance of `herd_of_law`: lambda L for a fixed L, as of any Poisson number, and more where L varies.

    While a herd goes on, lambda times the integral of 1 - F up to t came before t, and none of them has ended.
    """
    if latency.deviation_ms == 0:  # fixed, or a law of no width
        return herd(rate_per_s, min(latency.mean_ms / 1000, within_s)) - 1
    law = law_of(latency, min(latency.longest_ms / 1000, within_s))
    going_on, before = law.going_on(rate_per_s), rate_per_s * (law.times_s - law.landed_so_far_s)
    others = rate_per_s * float(np.trapezoid(going_on, law.times_s))
    return 2 * rate_per_s * float(np.trapezoid(going_on * before, law.times_s)) + others - others**2


def pod_herd_of_law(rate_per_s: float, latency: Latency, pods: int, within_s: float = math.inf) -> float:
    """The loads of `pod_herd` for a latency of any law F, of which the first that ends is stored.

    Each other pod leads unless a load has ended before it is asked: the first, or one of the P - 2 besides.
    `within_s` counts only loads so soon after the first.
    """
    if latency.deviation_ms == 0:  # fixed, or a law of no width
        return pod_herd(rate_per_s, min(latency.mean_ms / 1000, within_s), pods)
    of_pod, law = rate_per_s / pods, law_of(latency, min(latency.longest_ms / 1000, within_s))
    others = law.not_landed_after_wait(of_pod) ** max(0, pods - 2)
    asked = of_pod * np.exp(-of_pod * law.times_s)
    return 1 + (pods - 1) * float(np.trapezoid(asked * (1 - law.landed) * others, law.times_s))


def pod_herd_s(rate_per_s: float, latency: Latency, pods: int) -> float:
    """The time from the first load of an expiry until one is stored, where each of P pods leads for itself: L or less.

    It is the quickest of those loads, and 1 + lambda times that are the requests that find no entry.
    """
    if latency.deviation_ms == 0:  # fixed, or a law of no width
        return latency.mean_ms / 1000
    law = law_of(latency, latency.longest_ms / 1000)
    others = law.not_landed_after_wait(rate_per_s / pods) ** (pods - 1)
    return float(np.trapezoid((1 - law.landed) * others, law.times_s))
