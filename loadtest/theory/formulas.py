"""Theory's formulas of expiring entries, each with its source.

- `rate_per_s` is the rate (lambda) at which one key is asked for
- `latency_s` (L) is the time of a load
- `ttl_s` (T) is the time that an entry is fresh
- `scale_s` is XFetch's beta times the cost of a load

Counts and shares are expected values. Arrivals are Poisson, the rate is steady, the origin's pool never queues, the
network takes no time. `loadtest.theory.domain` states where that holds of a scenario, and what else each prediction
needs.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy

from app.latency import Latency
from loadtest.figures.records import Floats

BAND = 0.99
"""The share of all counts of one mean that a band holds."""
LAW_STEPS = 1_000
"""The steps of an integral over a latency: as many even ones, and again as many in even ratios."""


def poisson_band(mean: float) -> tuple[float, float]:
    """The lowest and the highest count that chance alone makes of a mean, for all but one in a hundred."""
    return _poisson_quantile((1 - BAND) / 2, mean), _poisson_quantile((1 + BAND) / 2, mean)


def _poisson_quantile(share: float, mean: float) -> float:
    """The quantile that `scipy.stats.poisson.ppf` gives; `scipy.stats` costs half a second to import."""
    count = math.ceil(scipy.special.pdtrik(share, mean))  # a root, so that it may lie just above a whole number
    return float(count - 1 if count and scipy.special.pdtr(count - 1, mean) >= share else count)


def floor_cycle_s(rate_per_s: float, ttl_s: float, latency_s: float) -> float:
    """The time from store to store where nothing older than T is served and one request loads: T + L + 1/lambda.

    A strategy that keeps this promise need not load more often: the first request past the expiry loads.
    """
    return ttl_s + latency_s + 1 / rate_per_s


def herd(rate_per_s: float, latency_s: float) -> float:
    """Loads per expiry where every request that misses loads, in an open loop: 1 + lambda L.

    These are the first load and all that begin before it is stored; `herd_of_law` is for a latency that varies. The
    naive strategy of "Cache stampede, a primer" (systems-labs, cache-stampede) and Jitterbug's static one show about as
    many.
    """
    return 1 + rate_per_s * latency_s


def herd_of_law(rate_per_s: float, latency: Latency, within_s: float = math.inf) -> float:
    """The herd for a latency of any law F, whose quickest load ends it.

    It is 1 + lambda times an integral over t, of (1 - F(t)) exp(-lambda times the integral of F up to t). That is the
    chance that neither the first nor any later load has ended by t. `within_s` counts only loads so soon after the
    first: for the peak, those within a second.
    """
    if latency.deviation_ms == 0:  # fixed, or a law of no width
        return herd(rate_per_s, min(latency.mean_ms / 1000, within_s))
    law = _law(latency, min(latency.longest_ms / 1000, within_s))
    return 1 + rate_per_s * float(np.trapezoid(law.going_on(rate_per_s), law.times_s))


def herd_variance(rate_per_s: float, latency: Latency, within_s: float = math.inf) -> float:
    """The variance of `herd_of_law`: lambda L for a fixed L, as of any Poisson number, and more where L varies.

    While a herd goes on, lambda times the integral of 1 - F up to t came before t, and none of them has ended.
    """
    if latency.deviation_ms == 0:  # fixed, or a law of no width
        return herd(rate_per_s, min(latency.mean_ms / 1000, within_s)) - 1
    law = _law(latency, min(latency.longest_ms / 1000, within_s))
    going_on, before = law.going_on(rate_per_s), rate_per_s * (law.times_s - law.landed_so_far_s)
    others = rate_per_s * float(np.trapezoid(going_on, law.times_s))
    return 2 * rate_per_s * float(np.trapezoid(going_on * before, law.times_s)) + others - others**2


class _Law(NamedTuple):
    """A latency's law at some moments: F and its integral."""

    times_s: Floats
    landed: Floats  # F
    landed_so_far_s: Floats  # its integral

    def going_on(self, rate_per_s: float) -> Floats:
        """The chance at each moment that a herd is not over yet."""
        return np.asarray((1 - self.landed) * np.exp(-rate_per_s * self.landed_so_far_s))


@lru_cache(maxsize=16)
def _law(latency: Latency, end_s: float) -> _Law:
    steps_s = (np.linspace(0, end_s, LAW_STEPS), end_s * np.geomspace(1e-6, 1, LAW_STEPS))
    times_s = np.unique(np.concatenate(steps_s))
    landed = np.array([latency.cdf(1000 * time_s) for time_s in times_s.tolist()])
    areas_s = np.diff(times_s) * (landed[1:] + landed[:-1]) / 2  # trapezia
    return _Law(times_s, landed, np.concatenate(((0.0,), np.cumsum(areas_s))))


def closed_herd(users: int, share: float, period_s: float, latency_s: float) -> float:
    """The herd in a closed loop, at most `users`: a user who waits does not ask again.

    A user who does not wait asks every `period_s`, for this key with chance `share`. L holds L/period such moments, one
    more or less with the user's phase. Of the other users, those join who ask for the key at any of them. With many
    users of small share it becomes 1 + lambda L.
    """
    whole = latency_s // period_s
    rest = latency_s / period_s - whole
    missed = math.pow(1 - share, whole) * (1 - rest * share)
    return 1 + (users - 1) * (1 - missed)


def closed_herd_drawn(users: int, share: float, think_s: float, latency_s: float) -> float:
    """The herd in a closed loop whose users' pauses are drawn from an exponential law of mean `think_s`.

    Each of the other users asks for the key within L with chance 1 - e^(-share L / think), whatever came before.
    """
    return 1 - (users - 1) * math.expm1(-share * latency_s / think_s)


def herd_cycle_s(rate_per_s: float, ttl_s: float, latency_s: float) -> float:
    """The time from expiry to expiry under a herd, whose last load is stored last.

    A hot key lives for T + 2 L; a cold one, whose herd is one load, for T + L + 1/lambda.
    """
    last_after_first_s = latency_s + math.expm1(-rate_per_s * latency_s) / rate_per_s
    return floor_cycle_s(rate_per_s, ttl_s, latency_s) + last_after_first_s


def stale_answers(rate_per_s: float, latency_s: float, stale_s: float = math.inf) -> float:
    """Stale answers per expiry under stale-while-revalidate (RFC 5861), within `stale_s` after the expiry.

    Without that bound they are all answers before the refresh is stored, 1 + lambda L.
    """
    return rate_per_s * min(latency_s, stale_s) - math.expm1(-rate_per_s * max(0.0, stale_s - latency_s))


def unrefreshed_chance(rate_per_s: float, scale_s: float) -> float:
    """The chance that an entry expires before any request has refreshed it early: e^(-lambda s)."""
    return math.exp(-rate_per_s * scale_s)


def early_cycle_s(rate_per_s: float, ttl_s: float, latency_s: float, scale_s: float) -> float:
    """The time from store to store under XFetch: T less the gap, L, and 1/lambda when no request came in time.

    It is exact for any `scale_s`: an entry cannot be refreshed before it is there, which shortens the gap when
    `scale_s` is not small. A request x before the expiry refreshes with chance e^(-x/s) (Vattani et al., VLDB 2015).
    """
    asked = rate_per_s * scale_s
    if asked == 0:
        return floor_cycle_s(rate_per_s, ttl_s, latency_s)
    log = math.log(asked) - ttl_s / scale_s
    if log > 4:  # so early that nearly every request would refresh
        return latency_s + math.exp(ttl_s / scale_s) / rate_per_s
    since = math.exp(math.exp(log))
    fresh_s = since * scale_s * (_e1(log) - _e1(math.log(asked)))
    return latency_s + fresh_s + since * math.exp(-asked) / rate_per_s


def early_misses(rate_per_s: float, latency_s: float, scale_s: float) -> float:
    """Requests per refresh under XFetch that miss: e^(-lambda s) + lambda s (E1(lambda s e^(-L/s)) - E1(lambda s)).

    For them the entry expired before a request refreshed it early, or before that refresh was stored.
    """
    asked = rate_per_s * scale_s
    if asked == 0:
        return herd(rate_per_s, latency_s)
    log = math.log(asked)
    return math.exp(-asked) + asked * (_e1(log - latency_s / scale_s) - _e1(log))


def _e1(log: float) -> float:
    """The exponential integral E1 of e^log, which itself may be too small for a float."""
    return float(scipy.special.exp1(math.exp(log))) if log > -30 else -np.euler_gamma - log


def early_herd(beta: float) -> float:
    """Loads per refresh under XFetch without a lock, for a hot key: e^(1/beta), whatever the rate."""
    return math.exp(1 / beta)
