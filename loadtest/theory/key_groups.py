"""A scenario's keys in groups of equal rate, and what each of them does from expiry to expiry."""

import math
from dataclasses import dataclass

import numpy as np
import scipy

from app.strategy import MechanismKind
from loadtest.figures.records import Floats
from loadtest.theory.formulas import (
    closed_herd,
    closed_herd_drawn,
    early_cycle_s,
    early_misses,
    floor_cycle_s,
    herd,
    herd_cycle_s,
    pod_herd_cycle_s,
    stale_answers,
    unrefreshed_chance,
)
from loadtest.theory.latency_law import herd_of_law, herd_variance, pod_herd_of_law, pod_herd_s
from loadtest.theory.question import Question
from loadtest.workload.traffic import Keys

GROUPS_MAX = 64
"""Groups of about equally popular keys that Zipf's law is cut into."""


@dataclass(frozen=True, slots=True)
class KeyCycle:
    """The cycle of a key from store to store: a part that is always the same, then a gap of that mean and variance."""

    rate_per_s: float
    cycle_s: float
    gap_s: float
    gap_var: float
    unanswered: float  # requests per expiry that are no hits

    def expiries(self, duration_s: float, is_cold: bool, landed_s: float) -> float:
        """The expected number of expiries in a run that begins cold, which counts as one, or with a warm-up's entry.

        The sum of the gaps is taken as Gamma distributed, which is exact where they are waits for a Poisson request.
        """
        fixed_s, left_s = self.cycle_s - self.gap_s, duration_s if is_cold else duration_s + landed_s
        number = np.arange(0 if is_cold else 1, math.ceil(left_s / fixed_s))
        mean_s = number * self.gap_s + is_cold / self.rate_per_s
        variance = number * self.gap_var + is_cold / self.rate_per_s**2
        shape, scaled = mean_s**2 / variance, (left_s - number * fixed_s) * mean_s / variance
        return float(scipy.special.gammainc(shape, scaled).sum())


class KeyGroups:
    """A scenario's keys in groups, the hottest first, under one mechanism; figures are per key of a group."""

    def __init__(self, asked: Question) -> None:
        assert asked.mechanism is not None
        scenario, load, mechanism = asked.scenario, asked.scenario.load, asked.mechanism
        self.kind, self.is_herd, self.leaders_max = mechanism.kind, asked.is_herd, asked.leaders_max
        if self.kind is MechanismKind.STALE and not mechanism.window_s:
            self.kind = MechanismKind.COLLAPSE  # nothing old is served, so that all wait
        self.rate_per_s, self.duration_s = asked.rate_per_s, asked.duration_s
        self.latency, self.latency_s = asked.latency, asked.load_s
        # T of the formulas begins when an entry is stored; the lab's begins with the read, so that no answer is older
        whole_s = scenario.cache.ttl_s * mechanism.stretch
        self.ttl_s = max(0.0, whole_s * (1 - mechanism.ahead) - self.latency_s)  # until the next load may begin
        self.width_s = scenario.cache.ttl_s * mechanism.spread
        self.old_s = mechanism.window_s + whole_s * mechanism.ahead  # for which the entry answers from then on
        self.leader_waits = mechanism.leader_waits
        self.scale_s = self.latency_s * mechanism.beta
        self.is_cold = scenario.warm.keys == "none"
        self.landed_s = self.latency_s + scenario.warm.lead_s  # how long before the load a warm-up's entries count
        self.period_s = asked.pause_s + (asked.network_s if load.think_s else 0.0)
        self.is_drawn = load.think == "exponential"
        self.users = (load.users or 0) if load.think_s else 0  # none: an open loop, as is a timetable that is kept
        self.counts, self.shares = _groups(scenario.keys)
        self.rates = self.shares * self.rate_per_s
        # until a herd is over: all that ask wait for one load, or the quickest of all their loads ends it
        self.herds_s = np.full(len(self.rates), self.latency_s)
        if self.leaders_max > 1 and not self.users:
            self.herds_s = np.array([pod_herd_s(rate, self.latency, self.leaders_max) for rate in self.rates.tolist()])
        if self.is_herd:
            often = (self.rates * self.latency_s > 1e-6) & (self.users == 0)  # else no request joins a load
            self.herds_s = np.where(often, (self.herds() - 1) / self.rates, self.latency_s)
        self.cycles = list(map(self._cycle, self.shares.tolist(), self.herds_s.tolist()))

    @property
    def answers_wait(self) -> bool:
        """Whether requests for an expired entry wait for a load."""
        return self.kind in {MechanismKind.NONE, MechanismKind.COLLAPSE, MechanismKind.COLLAPSE_IN_POD}

    def herds(self, within_s: float = math.inf) -> Floats:
        """The misses per expiry of each group, within `within_s` of the first."""
        return np.array([self._herd(share, within_s) for share in self.shares.tolist()])

    def _herd(self, share: float, within_s: float = math.inf) -> float:
        load_s = min(self.latency_s, within_s)
        if self.users:
            closed = closed_herd_drawn if self.is_drawn else closed_herd
            return closed(self.users, share, self.period_s, load_s)
        if self.is_herd:
            return herd_of_law(self.rate_per_s * share, self.latency, within_s)
        if self.leaders_max > 1:
            load_s = min(pod_herd_s(self.rate_per_s * share, self.latency, self.leaders_max), within_s)
        return herd(self.rate_per_s * share, load_s)

    def leaders(self, within_s: float = math.inf) -> Floats:
        """The loads per expiry of each group, within `within_s` of the first, where requests are collapsed."""
        return np.array([self._leaders(share, within_s) for share in self.shares.tolist()])

    def _leaders(self, share: float, within_s: float) -> float:
        if self.leaders_max == 1:
            return 1.0
        if self.users:  # each of those who come meanwhile asks any of the pods
            coming = (self._herd(share, within_s) - 1) / max(1, self.users - 1)
            missed = math.pow(1 - coming / self.leaders_max, self.users - 1)
            return 1 + (self.leaders_max - 1) * (1 - missed)
        return pod_herd_of_law(self.rate_per_s * share, self.latency, self.leaders_max, within_s)

    def scatter(self, per_expiry: Floats) -> Floats:
        """The variance of the loads per expiry of each group."""
        if self.leaders_max > 1:
            others = per_expiry - 1  # of so many pods, each with the same chance
            return np.maximum(0.0, others * (1 - others / (self.leaders_max - 1)))
        if not self.is_herd or self.users or self.latency.is_fixed:
            return per_expiry - 1  # one, and a Poisson number
        return np.array([herd_variance(rate, self.latency, 1.0) for rate in self.rates.tolist()])

    def _cycle(self, share: float, herd_s: float) -> KeyCycle:
        rate, ttl_s, latency_s, scale_s = self.rate_per_s * share, self.ttl_s, self.latency_s, self.scale_s
        gap_s, gap_var = 1 / rate + self.width_s / 2, 1 / rate**2 + self.width_s**2 / 12
        cycle_s = floor_cycle_s(rate, ttl_s, latency_s)
        match self.kind:
            case MechanismKind.NONE:
                return KeyCycle(rate, herd_cycle_s(rate, ttl_s, herd_s), gap_s, gap_var, self._herd(share))
            case MechanismKind.COLLAPSE_IN_POD:
                cycle_s = pod_herd_cycle_s(rate, ttl_s, herd_s, self.leaders_max)
                return KeyCycle(rate, cycle_s, gap_s, gap_var, self._herd(share))
            case MechanismKind.STALE | MechanismKind.REFRESH_AHEAD:
                return KeyCycle(rate, cycle_s, gap_s, gap_var, herd(rate, latency_s))
            case MechanismKind.EARLY:
                cycle_s, missed = early_cycle_s(rate, ttl_s, latency_s, scale_s), unrefreshed_chance(rate, scale_s)
                gap_var += (1 - missed) * ((math.pi * scale_s) ** 2 / 6 - 1 / rate**2)  # Gumbel, or the wait
                gap_s = min(math.sqrt(gap_var), 0.9 * cycle_s)
                return KeyCycle(rate, cycle_s, gap_s, gap_s**2, early_misses(rate, latency_s, scale_s))
        return KeyCycle(rate, cycle_s, gap_s, gap_var, self._herd(share))

    def expiries(self, run_s: float) -> Floats:
        """The expected expiries of each group within `run_s` of the load's beginning."""
        return np.array([cycle.expiries(run_s, self.is_cold, self.landed_s) for cycle in self.cycles])

    def starts(self) -> Floats:
        """The first loads of a cold start, for each group."""
        return np.asarray(-np.expm1(-self.rates * self.duration_s) * self.is_cold)

    def old_answers(self) -> Floats:
        """The answers of each group with an entry that is being replaced; only waits that end in the run count."""
        if not self.old_s or self.answers_wait:
            return np.zeros(len(self.rates))
        answers = []
        for cycle in self.cycles:
            asked = cycle.rate_per_s * self.old_s
            wait_s = 1 / cycle.rate_per_s - (self.old_s / math.expm1(asked) if 0 < asked < 30 else 0.0)
            last_s = self.duration_s - self.ttl_s - self.latency_s - wait_s  # a load after this is followed by none
            loads = cycle.expiries(last_s, self.is_cold, self.landed_s)
            if not self.is_cold and last_s > -self.latency_s:
                loads += 1  # the warm-up's
            per_load = stale_answers(cycle.rate_per_s, self.latency_s, self.old_s)
            if self.leader_waits:
                per_load += math.expm1(-asked)  # the first who comes in time loads, and is answered by that
            if self.kind is MechanismKind.EARLY:  # only what comes when the entry has expired nevertheless
                per_load *= cycle.unanswered / herd(cycle.rate_per_s, self.latency_s)
            answers.append(loads * per_load)
        return np.array(answers)


def _groups(keys: Keys) -> tuple[Floats, Floats]:
    """The number of keys in each group, and the share of requests that each key has, the most popular first."""
    if keys.hot_share is not None:
        return np.array([1.0, keys.count - 1.0]), np.array([keys.hot_share, (1 - keys.hot_share) / (keys.count - 1)])
    if keys.zipf is None and keys.measured is None:
        return np.array([float(keys.count)]), np.array([1 / keys.count])
    weights = np.sort(keys.popularity())[::-1]
    begins = np.unique(np.geomspace(1, keys.count + 1, GROUPS_MAX + 1).astype(np.int64))[:-1] - 1
    counts = np.diff(begins, append=keys.count).astype(np.float64)
    return counts, np.asarray(np.add.reduceat(weights, begins) / weights.sum() / counts)
