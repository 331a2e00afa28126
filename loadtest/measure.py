"""From records to figures: the same for every world, and in pieces, so that no run is too long for the memory."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from app.strategy import Status
from loadtest.histogram import Histogram
from loadtest.records import NO_STATUS, STATUSES, WHYS, Answers, Floats, Integers, Reads
from loadtest.scenario import Scenario
from loadtest.stampedes import Stampedes

BINS_MAX = 600
BIN_S_MIN = 0.5
_FINEST_S, _STEP, _STEPS = 1e-5, 1.02, 900  # of a latency over time: 2 % steps from 10 us to 500 s
_COLLAPSED = STATUSES.index(Status.COLLAPSED)


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one strategy in one run. Written to summary.json as they are."""

    scenario: str
    strategy: str
    world: str
    seed: int
    pods: int
    loop: str
    duration_s: float
    requests: int
    target_rate: float | None  # requests/s; None in a closed loop with think time
    achieved_rate: float  # requests/s
    hit_ratio: float  # hit and stale answers over all requests
    origin_reads: int
    origin_peak_1s: int  # most reads asked for in any sliding second, over all pods
    p50_ms: float  # latency of all requests, from their intended start
    p95_ms: float
    p99_ms: float
    age_p50_s: float  # age of the answers; 0 where none has one
    age_p99_s: float
    statuses: dict[str, int]
    reads_by_why: dict[str, int]
    errors: int  # neither 200 nor 404
    wrong_answers: int
    faults: dict[str, int] = field(default_factory=dict)  # what was wrong with them
    events: list[str] = field(default_factory=list)  # what happened to the stack during the run
    valid: bool = True  # False: something happened that makes this no result
    repeat: int = 1  # which of several runs of the same strategy
    p90_ms: float = 0.0
    p999_ms: float = 0.0
    slow_s: int = 0  # seconds of the run in which at least 1 % of the requests took longer than slow_ms
    slow_ms: float = 0.0
    older_share: float = 0.0  # of the answers: older than the TTL
    wait_p50_ms: float = 0.0  # of the collapsed answers: what waiting for another's load took
    wait_p99_ms: float = 0.0
    stampedes: dict[str, dict[str, float]] = field(default_factory=dict)  # see loadtest.stampedes
    predicted_reads: float | None = None  # by theory, at the measured rate; None where it has nothing to say
    predicted_peak_1s: float | None = None
    predicted_hit_ratio: float | None = None
    floor_reads: float | None = None  # of any strategy that serves nothing older than the TTL
    commands_per_request: float = 0.0  # Redis commands; 0 where they were not counted
    commands_per_read_saved: float = 0.0  # the same for each request that did not read the origin
    lateness_p99_ms: float = 0.0  # of the generator: sent, less intended
    generator_cpu_share: float = 0.0  # of one core, by the busiest of its processes
    lead_s: float = 0.0  # from the end of the warm-up to the first request
    trace: str = ""  # virtual time: a hash of every event; the same seed and commit give the same one

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Series:
    """One run over time, in bins of `bin_s` from the start of the load. Empty bins of latency are NaN."""

    bin_s: float
    time_s: Floats
    origin_reads: Floats  # reads per second, by the moment they were asked for
    p50_ms: Floats
    p99_ms: Floats


class SlidingPeak:
    """The most events in any window of that length, exactly, of events that come in order of time."""

    def __init__(self, window_s: float = 1.0) -> None:
        self._window_s = window_s
        self._tail = np.empty(0)
        self.most = 0

    def add(self, times_s: Floats) -> None:
        """Times in order, none before those of the piece before."""
        if not len(times_s):
            return
        known = np.concatenate((self._tail, times_s))
        # some busiest window begins with an event
        inside = np.searchsorted(known, known + self._window_s, side="left") - np.arange(len(known))
        self.most = max(self.most, int(inside.max()))
        self._tail = known[known > known[-1] - self._window_s]


def sliding_peak(times_s: Floats, window_s: float = 1.0) -> int:
    """The most events in any window of that length, exactly."""
    peak = SlidingPeak(window_s)
    peak.add(np.sort(times_s))
    return peak.most


class Tally:
    """Everything that is counted of one run whose load began at `start_s`. Feed it pieces, then ask for the row."""

    def __init__(self, start_s: float, duration_s: float, ttl_s: float, slow_ms: float, hot_keys: Integers) -> None:
        self._start_s, self._duration_s, self._ttl_s, self._slow_ms = start_s, duration_s, ttl_s, slow_ms
        self.latency, self.age, self.waits = Histogram(), Histogram(), Histogram()
        self._statuses = np.zeros(len(STATUSES) + 1, dtype=np.int64)
        self._whys = np.zeros(len(WHYS), dtype=np.int64)
        self._faults: Counter[str] = Counter()
        self._requests = self._errors = self._reads = self._aged = self._older = 0
        self._peak = SlidingPeak()
        self._stampedes = Stampedes(hot_keys)
        self._bin_s = max(BIN_S_MIN, duration_s / BINS_MAX)
        bins = max(1, int(np.ceil(duration_s / self._bin_s)))
        self._reads_over_time = np.zeros(bins, dtype=np.int64)
        self._latency_over_time = np.zeros(bins * _STEPS, dtype=np.int64)
        seconds = int(np.ceil(duration_s)) + 1
        self._asked_in_second, self._slow_in_second = np.zeros((2, seconds), dtype=np.int64)

    def add_answers(self, piece: Answers) -> None:
        """A piece of the answers, in any order."""
        latency_s = piece.latency_s
        self._requests += len(latency_s)
        self.latency.add(latency_s)
        self.waits.add(latency_s[piece.status == _COLLAPSED])
        ages_s = piece.age_s[~np.isnan(piece.age_s)]
        self.age.add(ages_s)
        self._aged += len(ages_s)
        self._older += int(np.sum(ages_s > self._ttl_s))
        self._statuses += np.bincount(piece.status, minlength=len(STATUSES) + 1)
        self._errors += int(np.sum((piece.code != 200) & (piece.code != 404)))
        self._faults.update(piece.faults)
        since_start_s = piece.intended_s - self._start_s
        second = np.clip(since_start_s.astype(np.int64), 0, len(self._asked_in_second) - 1)
        self._asked_in_second += np.bincount(second, minlength=len(self._asked_in_second))
        slow = second[latency_s * 1000 > self._slow_ms]
        self._slow_in_second += np.bincount(slow, minlength=len(self._slow_in_second))
        steps = np.log(np.maximum(latency_s, _FINEST_S) / _FINEST_S) / np.log(_STEP)
        place = np.clip((since_start_s / self._bin_s).astype(np.int64), 0, len(self._reads_over_time) - 1)
        flat = place * _STEPS + np.clip(steps.astype(np.int64), 0, _STEPS - 1)
        self._latency_over_time += np.bincount(flat, minlength=len(self._latency_over_time))

    def add_reads(self, piece: Reads) -> None:
        """A piece of the origin's ledger; pieces and reads in order of asking."""
        self._reads += len(piece.asked_s)
        self._whys += np.bincount(piece.why, minlength=len(WHYS))
        self._peak.add(piece.asked_s)
        self._stampedes.add(piece)
        place = ((piece.asked_s - self._start_s) / self._bin_s).astype(np.int64)
        place = place[(place >= 0) & (place < len(self._reads_over_time))]
        self._reads_over_time += np.bincount(place, minlength=len(self._reads_over_time))

    def row(self, **named: Any) -> Row:
        """The figures. `named` are the fields of `Row` that no record holds."""
        statuses = {status: int(count) for status, count in zip(STATUSES, self._statuses, strict=False) if count}
        served = statuses.get(Status.HIT, 0) + statuses.get(Status.STALE, 0)
        return Row(
            duration_s=self._duration_s,
            requests=self._requests,
            achieved_rate=round(self._requests / self._duration_s, 2),
            hit_ratio=round(served / self._requests, 5) if self._requests else 0.0,
            origin_reads=self._reads,
            origin_peak_1s=self._peak.most,
            p50_ms=_milliseconds(self.latency, 0.50),
            p90_ms=_milliseconds(self.latency, 0.90),
            p95_ms=_milliseconds(self.latency, 0.95),
            p99_ms=_milliseconds(self.latency, 0.99),
            p999_ms=_milliseconds(self.latency, 0.999),
            age_p50_s=round(self.age.percentile_s(0.50), 3),
            age_p99_s=round(self.age.percentile_s(0.99), 3),
            older_share=round(self._older / self._aged, 5) if self._aged else 0.0,
            wait_p50_ms=_milliseconds(self.waits, 0.50),
            wait_p99_ms=_milliseconds(self.waits, 0.99),
            slow_s=int(np.sum((self._slow_in_second > 0) & (self._slow_in_second >= 0.01 * self._asked_in_second))),
            slow_ms=self._slow_ms,
            statuses=dict(sorted((str(status), count) for status, count in statuses.items())),
            reads_by_why={str(why): int(count) for why, count in zip(WHYS, self._whys, strict=True) if count},
            errors=self._errors,
            wrong_answers=self._faults.total(),
            faults=dict(self._faults),
            stampedes=self._stampedes.figures(),
            **named,
        )

    def series(self) -> Series:
        """Origin reads and latency over time."""
        bins = len(self._reads_over_time)
        counts = self._latency_over_time.reshape(bins, _STEPS).cumsum(axis=1)
        total = counts[:, -1]
        p50_ms, p99_ms = (
            np.where(total, _FINEST_S * _STEP ** (counts < np.ceil(share * total)[:, None]).sum(axis=1) * 1e3, np.nan)
            for share in (0.5, 0.99)
        )
        time_s = np.arange(bins, dtype=np.float64) * self._bin_s
        return Series(self._bin_s, time_s, np.asarray(self._reads_over_time / self._bin_s), p50_ms, p99_ms)

    @property
    def unanswered(self) -> int:
        """Requests to which nothing was said."""
        return int(self._statuses[NO_STATUS])


def _milliseconds(histogram: Histogram, share: float) -> float:
    return round(histogram.percentile_s(share) * 1000, 3)


def new_tally(scenario: Scenario, start_s: float) -> Tally:
    """For a run of this scenario whose load begins at `start_s`."""
    return Tally(start_s, scenario.duration_s, scenario.cache.ttl_s, scenario.slow_ms, scenario.hot_keys)
