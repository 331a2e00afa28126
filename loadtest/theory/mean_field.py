"""The mean field of many keys that expire together: a cold start, or the first expiry after a warm-up."""

import math

import numpy as np

from loadtest.figures.records import Floats
from loadtest.theory.key_groups import KeyGroups

FIELD_S_MAX = 60.0
STEPS_MAX = 12_000
STEP_S_MIN, STEP_S_MAX = 0.0005, 0.005
"""The shortest and the longest step of the mean field, seconds."""


def _step_s(keys: KeyGroups) -> float:
    return min(max(min(keys.latency_s, keys.period_s or 1.0) / 10, STEP_S_MIN), STEP_S_MAX)


def followed_s(keys: KeyGroups) -> float:
    """The time for which the mean field can be followed, seconds."""
    return min(FIELD_S_MAX, STEPS_MAX * _step_s(keys))


def mean_field(keys: KeyGroups, run_s: float) -> tuple[Floats, float]:
    """The misses of each group within `run_s` of a cold start or of the first expiry, and the most loads in a second.

    A key is idle until it is asked for, then loading for L, then fresh. In a herd each request for an expired key
    loads, else one does, or the first of each pod. In an open loop requests keep coming; in a closed one, from users
    who do not wait.
    """
    step_s = _step_s(keys)
    steps, width = max(1, math.ceil(run_s / step_s)), max(1, round(keys.width_s / step_s))
    delays = np.maximum(1, np.round(keys.herds_s / step_s)).astype(np.int64)
    pause = max(1, round(keys.period_s / step_s))
    # what is sure of a life that is neither waiting nor loading, down to the least TTL of the range
    sure_s = np.array([cycle.cycle_s - 1 / cycle.rate_per_s for cycle in keys.cycles]) - keys.herds_s - keys.width_s / 2
    ends, groups = np.maximum(1, np.round(sure_s / step_s)).astype(np.int64), np.arange(len(keys.counts))
    change = np.zeros((steps + 1, len(groups)))  # of the keys that expire per step; in the last row, after the run
    first = 1 if keys.is_cold else width
    change[0] += keys.counts / first
    change[min(first, steps)] -= keys.counts / first
    coming = np.zeros(steps + pause + 1)
    coming[: pause if keys.users else None] = keys.users / pause or keys.rate_per_s * step_s
    thinking, leaving = float(keys.users), -math.expm1(-step_s / keys.period_s) if keys.users else 0.0
    begun, missed, loads = np.zeros((steps, len(groups))), np.zeros((steps, len(groups))), np.zeros(steps + 1)
    expiring, idle, loading, waiting = np.zeros((4, len(groups)))
    leaderless = np.zeros(len(groups))  # for each group, of the pods those that do not load a key that another loads
    leaders, asked_so_far = keys.leaders_max, np.zeros((steps + 1, len(groups)))
    for now in range(steps):
        since, has = np.maximum(0, now - delays), now >= delays
        landed = np.where(has, begun[since, groups], 0.0)
        back = np.where(has, missed[since, groups], 0.0)
        if not keys.is_herd:
            back = waiting * np.divide(landed, loading, out=np.zeros_like(landed), where=loading > 1e-12)
        loading = loading - landed
        if leaders > 1:  # those that no request has made load until then
            unasked = np.exp((asked_so_far[np.minimum(since + 1, now), groups] - asked_so_far[now]) / leaders)
            leaderless = leaderless - (leaders - 1) * landed * unasked
        change[np.minimum(now + ends, steps), groups] += landed / width
        change[np.minimum(now + ends + width, steps), groups] -= landed / width
        expiring = expiring + change[now]
        idle = idle + expiring
        if keys.users and keys.is_drawn:
            coming[now] = thinking * leaving
        asked = coming[now] * keys.shares
        missed[now] = asked * (idle + loading)
        begun[now] = idle * -np.expm1(-asked)
        joined = leaderless * -np.expm1(-asked / leaders)
        leaderless, asked_so_far[now + 1] = leaderless - joined + (leaders - 1) * begun[now], asked_so_far[now] + asked
        idle, loading, waiting = idle - begun[now], loading + begun[now], waiting + missed[now] - back
        loads[now + 1] = missed[now].sum() if keys.is_herd else (begun[now] + joined).sum()
        if keys.users:
            answered = coming[now] - missed[now].sum() + back.sum()
            thinking += answered - coming[now]
            coming[now + pause] += answered
    total, second = np.cumsum(loads), min(steps, round(1 / step_s))
    return missed.sum(axis=0), float((total[second:] - total[:-second]).max())
