"""What theory predicts of a scenario, before anything is run: the formulas as a row of figures."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc
from scipy.stats import norm

from app.latency import Latency
from app.strategy import Remedy, Strategy
from loadtest.figures.records import Floats
from loadtest.theory.domain import Question, why_silent
from loadtest.theory.formulas import (
    closed_herd,
    closed_herd_drawn,
    early_cycle_s,
    early_misses,
    floor_cycle_s,
    herd,
    herd_cycle_s,
    herd_of_law,
    herd_variance,
    poisson_band,
    stale_answers,
    unrefreshed_chance,
)
from loadtest.workload.scenario import Scenario
from loadtest.workload.traffic import Keys

GROUPS_MAX = 64
"""Groups of about equally popular keys that Zipf's law is cut into."""
FIELD_S_MAX = 60.0
STEPS_MAX = 12_000
STEP_S_MIN, STEP_S_MAX = 0.0005, 0.005
"""How long, and how finely, the mean field is followed."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The figures of one strategy in one scenario, to be put beside those of `loadtest.figures.run_summary.Row`."""

    origin_reads: float  # in the run, cold start included
    origin_peak_1s: float  # most reads in any sliding second, over all pods
    peak_band: tuple[float, float]  # 99 % of a Poisson variable of that mean
    reads_per_expiry: float  # of the hottest key
    hit_ratio: float  # hit and stale answers over all requests, 0..1
    stale_share: float  # stale answers over all requests, 0..1


def predict(scenario: Scenario, strategy: type[Strategy], rate_per_s: float, duration_s: float) -> Prediction | None:
    """The figures of a run in which `rate_per_s` requests came for all keys together, as measured. None where theory
    does not hold; `silent_because` says why."""
    question = Question(scenario, strategy, rate_per_s, duration_s)
    if why_silent(question):
        return None
    remedy, tune = question.remedy, question.tune
    assert remedy is not None
    assert tune is not None
    case = _Case(scenario, remedy, tune, strategy.mean_stretch(tune), rate_per_s, duration_s)
    requests = rate_per_s * duration_s
    expiries, unanswered = case.expiries(duration_s), case.unanswered()
    reads = unanswered if remedy is Remedy.NONE else expiries
    per_expiry = np.divide(reads, expiries, out=np.ones_like(reads), where=expiries > 0)
    per_expiry = np.maximum(1.0, per_expiry)  # an expiry that is one begins with a load
    total = min(float(case.counts @ reads), requests)
    most = case.users * math.ceil(1 / (case.latency_s + case.period_s)) if case.users else total
    at_once = np.minimum(per_expiry, case.herds(within_s=1.0)) if remedy is Remedy.NONE else per_expiry
    peak = min(case.peak_1s(at_once), total, most)
    stale = min(1.0, float(case.counts @ case.stale()) / requests)
    return Prediction(
        origin_reads=total,
        origin_peak_1s=peak,
        peak_band=poisson_band(peak),
        reads_per_expiry=float(per_expiry[0]),
        hit_ratio=min(1.0, max(stale, 1 - float(case.counts @ unanswered) / requests)),
        stale_share=stale,
    )


def silent_because(scenario: Scenario, strategy: type[Strategy], rate_per_s: float, duration_s: float) -> str:
    """Why `predict` answers None, as the end of a sentence; empty where it does not."""
    return why_silent(Question(scenario, strategy, rate_per_s, duration_s))


@dataclass(frozen=True, slots=True)
class _Life:
    """A key from landing to landing: a part that is always the same, then a gap of that mean and variance."""

    rate_per_s: float
    cycle_s: float
    gap_s: float
    gap_var: float
    unanswered: float  # requests per expiry that are no hits

    def expiries(self, duration_s: float, is_cold: bool, landed_s: float) -> float:
        """Expected number in a run that begins cold, which is the first, or with a landing. The sum of the gaps is
        taken as Gamma distributed: exact where they are waits for a Poisson request."""
        fixed_s, left_s = self.cycle_s - self.gap_s, duration_s if is_cold else duration_s + landed_s
        number = np.arange(0 if is_cold else 1, math.ceil(left_s / fixed_s))
        mean_s = number * self.gap_s + is_cold / self.rate_per_s
        variance = number * self.gap_var + is_cold / self.rate_per_s**2
        return float(gammainc(mean_s**2 / variance, (left_s - number * fixed_s) * mean_s / variance).sum())


class _Case:
    """A scenario in numbers, its keys in groups of equal rate, the hottest first. Figures are per key of each group."""

    def __init__(
        self,
        scenario: Scenario,
        remedy: Remedy,
        tune: dict[str, float | str],
        stretch: float,
        rate_per_s: float,
        duration_s: float,
    ) -> None:
        load = scenario.load
        self.remedy, self.rate_per_s, self.duration_s = remedy, rate_per_s, duration_s
        self.latency = Latency.parse(scenario.origin.latency)
        self.latency_s = self.latency.mean_ms / 1000
        # T of the formulas, which begins when a load has landed; the lab's begins with the read, so that none is older
        self.ttl_s = max(0.0, scenario.cache.ttl_s * stretch - self.latency_s)
        self.width_s = scenario.cache.ttl_s * float(tune.get("spread", 0.0))
        self.stale_s = float(tune.get("stale_s", math.inf))
        self.scale_s = self.latency_s * float(tune.get("beta", 1.0))
        self.is_cold = scenario.warm.keys == "none"
        self.landed_s = self.latency_s + scenario.warm.lead_s  # how long before the load a warm-up's entries count
        self.period_s = load.think_s or (load.users or 0) / (load.rate_per_s or math.inf)
        if load.think_s:
            self.period_s += 2 * Latency.parse(scenario.virtual.network).mean_ms / 1000
        self.is_drawn = load.think == "exponential"
        self.users = (load.users or 0) if load.think_s else 0  # none: an open loop, as is a timetable that is kept
        self.counts, self.shares = _groups(scenario.keys)
        self.rates = self.shares * rate_per_s
        self.step_s = min(max(min(self.latency_s, self.period_s or 1.0) / 10, STEP_S_MIN), STEP_S_MAX)
        # until a herd is over: all that ask wait for one load, or the quickest of all their loads ends it
        self.herds_s = np.full(len(self.rates), self.latency_s)
        if remedy is Remedy.NONE:
            often = (self.rates * self.latency_s > 1e-6) & (self.users == 0)  # else nobody else comes meanwhile
            self.herds_s = np.where(often, (self.herds() - 1) / self.rates, self.latency_s)
        self.lives = list(map(self._life, self.shares.tolist(), self.herds_s.tolist()))

    def herds(self, within_s: float = math.inf) -> Floats:
        """Requests per expiry that find nothing, `within_s` of the first."""
        return np.array([self._herd(share, within_s) for share in self.shares.tolist()])

    def _herd(self, share: float, within_s: float = math.inf) -> float:
        load_s = min(self.latency_s, within_s)
        if self.users:
            closed = closed_herd_drawn if self.is_drawn else closed_herd
            return closed(self.users, share, self.period_s, load_s)
        if self.remedy is Remedy.NONE:
            return herd_of_law(self.rate_per_s * share, self.latency, within_s)
        return herd(self.rate_per_s * share, load_s)

    def _scatter(self, per_expiry: Floats) -> Floats:
        """The variance of the loads per expiry."""
        if self.remedy is not Remedy.NONE or self.users or self.latency.is_fixed:
            return per_expiry - 1  # one, and a Poisson number
        return np.array([herd_variance(rate, self.latency, 1.0) for rate in self.rates.tolist()])

    def _life(self, share: float, herd_s: float) -> _Life:
        rate, ttl_s, latency_s, scale_s = self.rate_per_s * share, self.ttl_s, self.latency_s, self.scale_s
        gap_s, gap_var = 1 / rate + self.width_s / 2, 1 / rate**2 + self.width_s**2 / 12
        cycle_s = floor_cycle_s(rate, ttl_s, latency_s)
        match self.remedy:
            case Remedy.NONE:
                return _Life(rate, herd_cycle_s(rate, ttl_s, herd_s), gap_s, gap_var, self._herd(share))
            case Remedy.STALE:
                return _Life(rate, cycle_s, gap_s, gap_var, herd(rate, latency_s))
            case Remedy.EARLY:
                cycle_s, missed = early_cycle_s(rate, ttl_s, latency_s, scale_s), unrefreshed_chance(rate, scale_s)
                gap_var += (1 - missed) * ((math.pi * scale_s) ** 2 / 6 - 1 / rate**2)  # Gumbel, or the wait
                gap_s = min(math.sqrt(gap_var), 0.9 * cycle_s)
                return _Life(rate, cycle_s, gap_s, gap_s**2, early_misses(rate, latency_s, scale_s))
        return _Life(rate, cycle_s, gap_s, gap_var, self._herd(share))

    def expiries(self, run_s: float) -> Floats:
        return np.array([life.expiries(run_s, self.is_cold, self.landed_s) for life in self.lives])

    def starts(self) -> Floats:
        """First loads of a cold start."""
        return np.asarray(-np.expm1(-self.rates * self.duration_s) * self.is_cold)

    def stale(self) -> Floats:
        """Stale answers. Of the waits for a request past the expiry, those count that end in the window and the run."""
        if self.remedy is not Remedy.STALE:
            return np.zeros(len(self.rates))
        answers = []
        for life in self.lives:
            asked = life.rate_per_s * self.stale_s
            wait_s = 1 / life.rate_per_s - (self.stale_s / math.expm1(asked) if 0 < asked < 30 else 0.0)
            last_s = self.duration_s - self.ttl_s - self.latency_s - wait_s  # a load after this is followed by none
            loads = life.expiries(last_s, self.is_cold, self.landed_s)
            if not self.is_cold and last_s > -self.latency_s:
                loads += 1  # the warm-up's
            answers.append(loads * stale_answers(life.rate_per_s, self.latency_s, self.stale_s))
        return np.array(answers)

    def unanswered(self) -> Floats:
        """Requests that are neither hit nor stale. At a cold start whoever asks finds nothing, whatever the remedy.

        Where users wait, in a closed loop, the smaller of two that are too large: the herd, which forgets that they
        wait for other keys as well, and the mean field, which forgets that a key is gone or is not.
        """
        starts, per_expiry = self.starts(), np.array([life.unanswered for life in self.lives])
        herds = self.herds()
        later = np.maximum(0.0, self.expiries(self.duration_s) - starts) * per_expiry - self.stale()
        waits_later = self.remedy in {Remedy.NONE, Remedy.COLLAPSE}
        quiet_s = 0.0 if self.is_cold else self.ttl_s - self.width_s / 2  # until the first key expires
        followed_s = min(FIELD_S_MAX, STEPS_MAX * self.step_s)
        run_s = min(self.duration_s, quiet_s + followed_s if waits_later else min(self.ttl_s, followed_s))
        free = np.ones(len(starts))
        if self.users and run_s > quiet_s:
            bound = self.expiries(run_s) * herds
            field = _field(self, run_s - quiet_s)[0] / self.counts
            free = np.minimum(1.0, np.divide(field, bound, out=free, where=bound > 0))
        return np.asarray(np.maximum(0.0, free * starts * herds + (free if waits_later else 1.0) * later))

    def peak_1s(self, per_expiry: Floats) -> float:
        """The larger of two: the first expiry, or cold start, of all keys together; and later, their phases random, the
        largest herd of one dominant key, or else the busiest of `duration_s` windows. Each is a mean, and what the
        busiest of so many is above it by chance."""
        often = np.array([1 / life.cycle_s for life in self.lives])
        scatter = self._scatter(per_expiry)
        square = per_expiry**2 + scatter
        means = self.counts * per_expiry * often
        variances = self.counts * square * often * np.maximum(0.0, 1 - often)  # in a second, a key seldom expires twice
        if self.counts[0] == 1 and variances[0] > variances[1:].sum():
            herd_var = 0.0 if self.users else scatter[0]
            luck = _luck(self.duration_s * often[0]) * math.sqrt(herd_var + variances[1:].sum())
            later = float(per_expiry[0] * math.ceil(often[0]) + means[1:].sum() + luck)
        else:
            luck = _luck(4 * self.duration_s)  # a window that slides has about four times as many chances
            later = float(means.sum() + luck * math.sqrt(variances.sum()) + (luck**2 - 1) / 6)  # and Poisson's skew
            later = min(later, float(self.counts @ (per_expiry * np.ceil(often))))
        if self.is_cold:
            return max(later, _field(self, 2.0)[1])
        if self.remedy in {Remedy.NONE, Remedy.COLLAPSE}:
            first = _field(self, min(self.width_s + 2, FIELD_S_MAX, STEPS_MAX * self.step_s))[1]
            clump = (self.counts @ square) / (self.counts @ per_expiry)
            first += _luck(self.width_s) * math.sqrt(first * clump * max(0.0, 1 - 1 / max(1.0, self.width_s)))
            return max(later, min(first, float(self.counts @ per_expiry)))
        # who is answered does not wait: by the chance that a key has not been read, where the expiry is at 0
        times_s = np.linspace(-self.ttl_s, 0, 1_000)[:, None] + np.array([0.0, 1.0])[:, None, None]
        scale_s = self.scale_s if self.remedy is Remedy.EARLY and self.scale_s else 1e-9
        asked_s = scale_s * np.exp(np.minimum(times_s, 0) / scale_s) + np.maximum(times_s, 0)
        return max(later, float((-np.diff(np.exp(-self.rates * asked_s), axis=0)[0] @ self.counts).max()))


def _field(case: _Case, run_s: float) -> tuple[Floats, float]:
    """The mean field of the first `run_s` of a cold start, or since all keys began to expire, step by step.

    Returns requests per group that found nothing, and most loads in a second. A key is idle until it is asked for,
    then loading for L, then fresh. Under no remedy each request for one that is gone loads, else one does. In an open
    loop requests keep coming; in a closed one, from who does not wait.
    """
    step_s = case.step_s
    steps, width = max(1, math.ceil(run_s / step_s)), max(1, round(case.width_s / step_s))
    delays, pause = (
        np.maximum(1, np.round(case.herds_s / step_s)).astype(np.int64),
        max(1, round(case.period_s / step_s)),
    )
    # what is sure of a life that is neither waiting nor loading, down to the least TTL of the range
    sure_s = np.array([life.cycle_s - 1 / life.rate_per_s for life in case.lives]) - case.herds_s - case.width_s / 2
    ends, groups = np.maximum(1, np.round(sure_s / step_s)).astype(np.int64), np.arange(len(case.counts))
    change = np.zeros((steps + 1, len(groups)))  # of the keys that expire per step; in the last row, after the run
    first = 1 if case.is_cold else width
    change[0] += case.counts / first
    change[min(first, steps)] -= case.counts / first
    coming = np.zeros(steps + pause + 1)
    coming[: pause if case.users else None] = case.users / pause or case.rate_per_s * step_s
    thinking, leaving = float(case.users), -math.expm1(-step_s / case.period_s) if case.users else 0.0
    begun, missed, loads = np.zeros((steps, len(groups))), np.zeros((steps, len(groups))), np.zeros(steps + 1)
    expiring, idle, loading, waiting = np.zeros((4, len(groups)))
    alone = case.remedy is Remedy.NONE
    for now in range(steps):
        since, has = np.maximum(0, now - delays), now >= delays
        landed = np.where(has, begun[since, groups], 0.0)
        back = np.where(has, missed[since, groups], 0.0)
        if not alone:
            back = waiting * np.divide(landed, loading, out=np.zeros_like(landed), where=loading > 1e-12)
        loading = loading - landed
        change[np.minimum(now + ends, steps), groups] += landed / width
        change[np.minimum(now + ends + width, steps), groups] -= landed / width
        expiring = expiring + change[now]
        idle = idle + expiring
        if case.users and case.is_drawn:
            coming[now] = thinking * leaving
        asked = coming[now] * case.shares
        missed[now] = asked * (idle + loading)
        begun[now] = idle * -np.expm1(-asked)
        idle, loading, waiting = idle - begun[now], loading + begun[now], waiting + missed[now] - back
        loads[now + 1] = (missed if alone else begun)[now].sum()
        if case.users:
            answered = coming[now] - missed[now].sum() + back.sum()
            thinking += answered - coming[now]
            coming[now + pause] += answered
    total, second = np.cumsum(loads), min(steps, round(1 / step_s))
    return missed.sum(axis=0), float((total[second:] - total[:-second]).max())


def _luck(windows: float) -> float:
    """How far the busiest of so many independent windows is above the mean, in standard deviations (Blom 1958)."""
    windows = max(1.0, windows)
    return float(norm.ppf((windows - 0.375) / (windows + 0.25)))


def _groups(keys: Keys) -> tuple[Floats, Floats]:
    """How many keys, and the share of the requests that each of them has, the most popular first."""
    if keys.hot_share is not None:
        return np.array([1.0, keys.count - 1.0]), np.array([keys.hot_share, (1 - keys.hot_share) / (keys.count - 1)])
    if keys.zipf is None:
        return np.array([float(keys.count)]), np.array([1 / keys.count])
    weights = np.arange(1, keys.count + 1, dtype=np.float64) ** -keys.zipf
    begins = np.unique(np.geomspace(1, keys.count + 1, GROUPS_MAX + 1).astype(np.int64))[:-1] - 1
    counts = np.diff(begins, append=keys.count).astype(np.float64)
    return counts, np.asarray(np.add.reduceat(weights, begins) / weights.sum() / counts)
