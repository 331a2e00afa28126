"""The prediction of a run: the formulas as figures, before anything is run."""

import math
from dataclasses import dataclass

import numpy as np

from app.strategy import MechanismKind, Strategy
from loadtest.figures.records import Floats
from loadtest.theory.domain import why_silent
from loadtest.theory.formulas import poisson_band
from loadtest.theory.key_groups import KeyGroups
from loadtest.theory.mean_field import followed_s, mean_field
from loadtest.theory.peak import peak_1s
from loadtest.theory.question import Question
from loadtest.workload.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Prediction:
    """The figures of one strategy in one scenario, beside those of `loadtest.figures.run_summary.RunSummary`."""

    origin_reads: float  # in the run, cold start included
    origin_peak_1s: float  # most reads in any sliding second, over all pods
    peak_band: tuple[float, float]  # 99 % of a Poisson variable of that mean
    reads_per_expiry: float  # of the hottest key
    hit_ratio: float  # hit and stale answers over all requests, 0..1
    stale_share: float  # stale answers over all requests, 0..1


def predict(scenario: Scenario, strategy: type[Strategy], rate_per_s: float, duration_s: float) -> Prediction | None:
    """The figures of a run in which `rate_per_s` requests came, as measured; None where `silent_because` says why."""
    question = Question(scenario, strategy, rate_per_s, duration_s)
    if why_silent(question):
        return None
    keys = KeyGroups(question)
    requests = rate_per_s * duration_s
    expiries, unanswered = keys.expiries(duration_s), _unanswered(keys)
    reads = unanswered if question.is_herd else expiries * keys.leaders()
    per_expiry = np.divide(reads, expiries, out=np.ones_like(reads), where=expiries > 0)
    per_expiry = np.maximum(1.0, per_expiry)  # an expiry that is one begins with a load
    total = min(float(keys.counts @ reads), requests)
    most = keys.users * math.ceil(1 / (keys.latency_s + keys.period_s)) if keys.users else total
    soon = keys.herds(within_s=1.0) if question.is_herd else keys.leaders(within_s=1.0)
    at_once = np.minimum(per_expiry, soon)
    peak = min(peak_1s(keys, at_once), total, most)
    old = min(1.0, float(keys.counts @ keys.old_answers()) / requests)
    return Prediction(
        origin_reads=total,
        origin_peak_1s=peak,
        peak_band=poisson_band(peak),
        reads_per_expiry=float(per_expiry[0]),
        hit_ratio=min(1.0, max(old, 1 - float(keys.counts @ unanswered) / requests)),
        stale_share=0.0 if keys.kind is MechanismKind.REFRESH_AHEAD else old,  # there that entry is fresh still
    )


def silent_because(scenario: Scenario, strategy: type[Strategy], rate_per_s: float, duration_s: float) -> str:
    """The reason why `predict` answers None, as the end of a sentence; empty where it does not."""
    return why_silent(Question(scenario, strategy, rate_per_s, duration_s))


def _unanswered(keys: KeyGroups) -> Floats:
    """The answers that are neither hit nor stale; in a cold start that is every request for a key without an entry.

    Where users wait, in a closed loop, it is the smaller of two that are too large. The herd forgets that they wait for
    other keys as well. The mean field forgets that a key either has an entry or has none.
    """
    starts, per_expiry = keys.starts(), np.array([cycle.unanswered for cycle in keys.cycles])
    herds = keys.herds()
    later = np.maximum(0.0, keys.expiries(keys.duration_s) - starts) * per_expiry - keys.old_answers()
    waits_later = keys.answers_wait
    quiet_s = 0.0 if keys.is_cold else keys.ttl_s - keys.width_s / 2  # until the first key expires
    most_s = followed_s(keys)
    run_s = min(keys.duration_s, quiet_s + most_s if waits_later else min(keys.ttl_s, most_s))
    free = np.ones(len(starts))
    if keys.users and run_s > quiet_s:
        bound = keys.expiries(run_s) * herds
        field = mean_field(keys, run_s - quiet_s)[0] / keys.counts
        free = np.minimum(1.0, np.divide(field, bound, out=free, where=bound > 0))
    return np.asarray(np.maximum(0.0, free * starts * herds + (free if waits_later else 1.0) * later))
