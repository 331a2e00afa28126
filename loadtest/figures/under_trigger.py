"""Answers and reads from a run's trigger on: how long clients waited, what the origin was asked, and what settled.

Whole-run figures dilute a fault of some seconds. These are of the trigger's own time, or of the time after it, and are
what a drill is judged by.
"""

import math
from collections import defaultdict

import numpy as np

from app.strategy import Status
from loadtest.figures.histogram import Histogram
from loadtest.figures.records import SHED, STATUS_NUMBERS, Answers, Floats, Integers, Reads
from loadtest.figures.recovery import STEP_S
from loadtest.workload.trigger import Trigger

SETTLES_S = 5.0
"""Seconds from the trigger's end after which a system counts as settled."""
SETTLED_S_MIN = 2.0
"""The least time of a settled system that tells anything, seconds."""
_REFUSALS = (429, 503)
_SERVED = np.array([STATUS_NUMBERS[Status.HIT], STATUS_NUMBERS[Status.STALE]])


class UnderTrigger:
    """The counts of one run around its trigger, as it is stated, fed in chunks; of `steps` steps of `STEP_S`."""

    def __init__(self, start_s: float, trigger: Trigger, steps: int) -> None:
        self._start_s, self._begin_s, self._end_s = start_s, trigger.begin_s, trigger.end_s
        self._during, self._refused = Histogram(), Histogram()
        self._longest_s = 0.0
        self._served = np.zeros(steps, dtype=np.int64)
        self._reads = self._at_once = 0
        self._started_s: list[Floats] = []
        self._under_way: defaultdict[int, list[float]] = defaultdict(list)

    def add_answers(self, chunk: Answers) -> None:
        """Add answers in any order."""
        if not math.isfinite(self._start_s):  # a killed generator told no start
            return
        since_s, latency_s = chunk.intended_s - self._start_s, chunk.latency_s
        is_during = (since_s >= self._begin_s) & (since_s < self._end_s)
        is_from = since_s >= self._begin_s
        self._during.add(latency_s[is_during])
        self._refused.add(latency_s[is_from & np.isin(chunk.code, _REFUSALS)])
        self._longest_s = max(self._longest_s, float(latency_s[is_from].max(initial=0.0)))
        served = since_s[np.isin(chunk.status, _SERVED)]
        places = np.clip((served / STEP_S).astype(np.int64), 0, len(self._served) - 1)
        self._served += np.bincount(places, minlength=len(self._served))

    def add_reads(self, chunk: Reads) -> None:
        """Add reads of the origin, in order of asking; those that were shed count for nothing."""
        asked_s = chunk.asked_s - self._start_s
        is_during = (asked_s >= self._begin_s) & (asked_s < self._end_s) & (chunk.outcome != SHED)
        self._reads += int(is_during.sum())
        started_s = chunk.started_s - self._start_s
        self._started_s.append(started_s[started_s >= self._begin_s])  # false for NaN, which never got a connection
        columns = (asked_s, chunk.ended_s - self._start_s, chunk.key)
        for at_s, ended_s, key in zip(*(column[is_during].tolist() for column in columns), strict=True):
            under_way = [other_s for other_s in self._under_way[key] if other_s > at_s]
            self._under_way[key] = [*under_way, ended_s]
            self._at_once = max(self._at_once, len(under_way) + 1)

    def figures(self, asked: Integers, short: Integers, trigger: Trigger) -> dict[str, float | None]:
        """The figures by name, where `asked` and `short` count requests, and those without a good answer, by step.

        - p99_ms: latency of the requests of the trigger's time.
        - longest_ms: the longest latency of any request from the trigger on.
        - refused_p90_ms: latency of the refusals (429 and 503) from the trigger on; None without one.
        - reads, loads_at_once: origin reads of the trigger's time, and the most under way together of one key.
        - started_peak_1s: the most reads that got a connection in any second from the trigger on, without the queue.
        - settled_good: the share of the requests with a good answer, from `SETTLES_S` after the trigger's end on.
        - settled_hits: the hit ratio of that time, as a share of the one before the trigger.
        """
        begin, settled = round(trigger.begin_s / STEP_S), math.ceil((trigger.end_s + SETTLES_S) / STEP_S)
        before, after = slice(begin // 2, begin), slice(settled, len(asked))
        is_told = len(asked) - settled >= round(SETTLED_S_MIN / STEP_S) and bool(asked[after].any())
        hits_before = self._hit_ratio(asked, before)
        return {
            "p99_ms": _milliseconds(self._during, 0.99),
            "longest_ms": round(1000 * self._longest_s, 3),
            "refused_p90_ms": _milliseconds(self._refused, 0.90),
            "reads": self._reads,
            "loads_at_once": self._at_once,
            "started_peak_1s": _peak_1s(np.sort(np.concatenate([*self._started_s, np.empty(0)]))),
            "settled_good": round(1 - float(short[after].sum() / asked[after].sum()), 5) if is_told else None,
            "settled_hits": round(self._hit_ratio(asked, after) / hits_before, 4) if is_told and hits_before else None,
        }

    def _hit_ratio(self, asked: Integers, span: slice) -> float:
        return float(self._served[span].sum() / max(1, asked[span].sum()))


def _milliseconds(histogram: Histogram, share: float) -> float | None:
    return round(histogram.percentile_s(share) * 1000, 3) if len(histogram) else None


def _peak_1s(moments_s: Floats) -> int:
    """The most of these sorted moments in any second."""
    ends = np.searchsorted(moments_s, moments_s + 1.0)
    return int((ends - np.arange(len(moments_s))).max(initial=0))
