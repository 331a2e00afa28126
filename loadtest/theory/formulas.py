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

import numpy as np
import scipy

BAND = 0.99
"""The share of all counts of one mean that a band holds."""
STEPS = 1_000
"""The steps of an integral over the loads of one expiry."""


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


def pod_herd(rate_per_s: float, latency_s: float, pods: int) -> float:
    """Loads per expiry where each of P pods collapses its own requests only: 1 + (P - 1)(1 - e^(-lambda L / P)).

    The first request leads in its pod. Each other pod leads too if it is asked before that load is stored, and its
    share of the requests is lambda / P. There are P at most, however many requests come ("Request collapsing and
    jitter", Aonnis: a hundred servers with in-process collapsing are a hundred leaders).
    """
    return 1 - (pods - 1) * math.expm1(-rate_per_s * latency_s / pods)


def pod_herd_cycle_s(rate_per_s: float, ttl_s: float, latency_s: float, pods: int) -> float:
    """The time from expiry to expiry where each of P pods leads for itself, and the last of them is stored last."""
    of_pod = rate_per_s / pods
    times_s = np.linspace(0, latency_s, STEPS)
    by_then = np.exp(-of_pod * latency_s) - np.expm1(-of_pod * times_s)  # no load of that pod begins after it
    last_after_first_s = float(np.trapezoid(1 - by_then ** (pods - 1), times_s))
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


def early_gap_s(rate_per_s: float, scale_s: float) -> float:
    """The mean time before the expiry at which XFetch refreshes a hot key: s (ln(lambda s) + 0.577)."""
    return scale_s * (math.log(rate_per_s * scale_s) + np.euler_gamma)


def half_gate_herd(rate_per_s: float, latency_s: float) -> float:
    """Loads per expiry where half of all misses go past the lock: 1 + lambda L / 2.

    The gate of "Velocity-weighted adaptive TTL", whose coin decides which misses ask for the lock.
    """
    return 1 + rate_per_s * latency_s / 2


def remaining_cycle_s(rate_per_s: float, ttl_s: float) -> float:
    """The mean life of a hot entry that each reader refreshes with the chance 1 / (seconds left): T / (lambda + 1).

    The rule of "Request collapsing and jitter" (Aonnis): its chance does not know how many readers there are.
    """
    return ttl_s / (rate_per_s + 1)


def remaining_reads(rate_per_s: float, ttl_s: float, latency_s: float, duration_s: float) -> float:
    """Reads of a hot key in so many seconds by the rule 1 / (seconds left), behind a lock.

    A cycle is a load and the rest of the entry's life, which counts from the beginning of that load.
    """
    cycle_s = latency_s + remaining_cycle_s(rate_per_s, ttl_s - latency_s)
    return 1 + (duration_s - latency_s) / cycle_s


def coherence_left(rate_per_s: float, mean_ttl_s: float, width_s: float) -> float:
    """The share of their common phase that keys written together keep over one cycle: 0 where they are spread evenly.

    It is sinc(w / mu) / sqrt(1 + (2 pi / (mu lambda))^2), by the spread and the wait for a request.
    """
    spread, wait = float(np.sinc(width_s / mean_ttl_s)), 2 * math.pi / (mean_ttl_s * rate_per_s)
    return abs(spread) / math.hypot(1, wait)
