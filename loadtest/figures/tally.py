"""The tally of a run: its figures from its records, in chunks and the same for every world."""

from collections import Counter
from typing import Any

import numpy as np

from app.strategy import Status
from loadtest.figures.cold_answers import ColdAnswers
from loadtest.figures.floor import Floor
from loadtest.figures.good_answers import IN_STEP, STEPS_IN_SECOND, GoodAnswers
from loadtest.figures.histogram import Histogram
from loadtest.figures.origin_load import OriginLoad
from loadtest.figures.overtaken import NOT_ASKED, Overtaken
from loadtest.figures.records import STATUSES, Answers, Integers, Reads, Retries, Writes
from loadtest.figures.recovery import STEP_S
from loadtest.figures.run_summary import ABOUT_ANSWERS, PERCENTILES, Series
from loadtest.figures.under_trigger import UnderTrigger
from loadtest.workload.departures import Departures
from loadtest.workload.scenario import Scenario
from loadtest.workload.trigger import Trigger

BINS_MAX = 600
BIN_S_MIN = 0.5
_FINEST_S = 1e-5  # the least latency over time, which is drawn on a logarithmic axis
_BITS_OVER_TIME = 7  # steps of at most 1.6 %, because there is a row for each bin
NOTHING_EXPIRED = "nothing expired: no key was loaded a second time, so nothing is told of the steady state"
_COLLAPSED = STATUSES.index(Status.COLLAPSED)


class Tally:
    """The counts of one run whose load began at `start_s`, fed in chunks."""

    def __init__(
        self,
        start_s: float,
        duration_s: float,
        ttl_s: float,
        slow_ms: float,
        hot_keys: Integers,
        is_warmed: bool = False,
        oldest_s: float | None = None,
        is_paced: bool = True,
        is_patient: bool = True,
        is_written: bool = False,
        trigger: Trigger | None = None,
    ) -> None:
        """Make an empty tally; with `is_warmed` every key was loaded before the load began.

        `is_paced` and `is_patient` as in `GoodAnswers`. With `is_written` items are written during the load. With a
        `trigger` the time from it on has figures of its own.

        `oldest_s` is the strategy's promise in seconds; with it, the fewest reads under that promise are counted too.
        """
        self._start_s, self._duration_s, self._ttl_s, self._slow_ms = start_s, duration_s, ttl_s, slow_ms
        self.latency, self.age, self.waits = Histogram(), Histogram(), Histogram()
        self._statuses = np.zeros(len(STATUSES) + 1, dtype=np.int64)
        self._wrong_answer_kinds: Counter[str] = Counter()
        self.requests = self._errors = self._aged = self._older = 0
        self._oldest_seen_s = -np.inf
        self._cold = ColdAnswers(ttl_s, is_warmed)
        self.waited_s = 0.0
        """The sum of all latencies, in seconds."""
        self._bin_s = max(BIN_S_MIN, duration_s / BINS_MAX)
        bins = max(1, int(np.ceil(duration_s / self._bin_s)))
        self._bins = bins
        self._promised_s = oldest_s
        self._floor = None if oldest_s is None else Floor(oldest_s, start_s if is_warmed else -np.inf)
        self.origin = OriginLoad(start_s, self._bin_s, bins, hot_keys, ttl_s, is_warmed)
        self._overtaken = Overtaken() if is_written else None
        self._good = GoodAnswers(start_s, duration_s, is_paced, is_patient)
        steps = max(1, int(np.ceil(round(duration_s / STEP_S, 6))))
        self._under = None if trigger is None else UnderTrigger(start_s, trigger, steps)
        self._latency_over_time = Histogram(bins, _BITS_OVER_TIME)
        seconds = int(np.ceil(duration_s)) + 1
        self._arrivals = np.zeros(seconds * STEPS_IN_SECOND, dtype=np.int64)
        self._asked_in_second, self._slow_in_second = np.zeros((2, seconds), dtype=np.int64)

    def add_answers(self, chunk: Answers) -> None:
        """Add a chunk of the answers, in any order; only the floor needs them about in order of their ends."""
        if self._floor is not None:
            self._floor.add(chunk)
        if self._overtaken is not None:
            self._overtaken.add_answers(chunk)
        latency_s = chunk.latency_s
        self.requests += len(latency_s)
        self.waited_s += float(latency_s.sum())
        self.latency.add(latency_s)
        self._cold.add(chunk, latency_s)
        self.waits.add(latency_s[chunk.status == _COLLAPSED])
        ages_s = chunk.age_s[~np.isnan(chunk.age_s)]
        self.age.add(ages_s)
        self._aged += len(ages_s)
        self._older += int(np.sum(ages_s > self._ttl_s))
        self._oldest_seen_s = max(self._oldest_seen_s, float(ages_s.max(initial=-np.inf)))
        self._statuses += np.bincount(chunk.status, minlength=len(STATUSES) + 1)
        is_good = (chunk.code == 200) | (chunk.code == 404)
        self._errors += len(is_good) - int(is_good.sum())
        is_good[chunk.wrong_at] = False
        is_good &= ~chunk.gave_up
        self._good.add_answers(chunk, is_good)
        if self._under is not None:
            self._under.add_answers(chunk)
        self._wrong_answer_kinds.update(chunk.wrong_answer_kinds)
        since_start_s = chunk.intended_s - self._start_s
        second = np.clip(since_start_s.astype(np.int64), 0, len(self._asked_in_second) - 1)
        self._asked_in_second += np.bincount(second, minlength=len(self._asked_in_second))
        step = np.clip((since_start_s * STEPS_IN_SECOND).astype(np.int64), 0, len(self._arrivals) - 1)
        self._arrivals += np.bincount(step, minlength=len(self._arrivals))
        slow = second[latency_s * 1000 > self._slow_ms]
        self._slow_in_second += np.bincount(slow, minlength=len(self._slow_in_second))
        place = np.clip((since_start_s / self._bin_s).astype(np.int64), 0, self._bins - 1)
        self._latency_over_time.add(latency_s, place)

    def add_reads(self, chunk: Reads) -> None:
        """Add a chunk of the origin's ledger; chunks, and reads within them, are in order of asking."""
        self.origin.add(chunk)
        self._good.add_reads(chunk)
        if self._under is not None:
            self._under.add_reads(chunk)

    def add_writes(self, chunk: Writes) -> None:
        """Add a chunk of writes, in order, before the answers that were asked for after them."""
        if self._overtaken is not None:
            self._overtaken.add_writes(chunk)

    def add_retries(self, chunk: Retries) -> None:
        """Add a chunk of the clients' retries, in any order."""
        self._good.add_retries(chunk)

    def figures(self, trigger: Trigger | None = None, unended: int = 0) -> dict[str, Any]:
        """The fields of a `RunSummary` that answers and reads decide; None where no answer was good (see `nothing`).

        `unended` as in `GoodAnswers.outage`.
        """
        statuses = {status: int(count) for status, count in zip(STATUSES, self._statuses, strict=False) if count}
        served = statuses.get(Status.HIT, 0) + statuses.get(Status.STALE, 0)
        figures = {
            "duration_s": self._duration_s,
            "requests": self.requests,
            "achieved_rate": round(self.requests / self._duration_s, 2),
            "hit_ratio": round(served / self.requests, 5) if self.requests else None,
            **{name: _milliseconds(self.latency, share) for name, share in PERCENTILES.items()},
            "age_p50_s": _seconds(self.age, 0.50),
            "age_p99_s": _seconds(self.age, 0.99),
            "promised_s": None if self._promised_s is None else round(self._promised_s, 3),
            "age_max_s": round(self._oldest_seen_s, 3) if self._aged else None,
            "older_share": round(self._older / self._aged, 5) if self._aged else None,
            "wait_p50_ms": _milliseconds(self.waits, 0.50),
            "wait_p99_ms": _milliseconds(self.waits, 0.99),
            **self._cold.figures(self.latency),
            "slow_s": int(np.sum((self._slow_in_second > 0) & (self._slow_in_second >= 0.01 * self._asked_in_second))),
            "slow_ms": self._slow_ms,
            "arrivals_dispersion": self._dispersion(),
            "statuses": dict(sorted((str(status), count) for status, count in statuses.items())),
            "errors": self._errors,
            "wrong_answers": self._wrong_answer_kinds.total(),
            "wrong_answer_kinds": dict(self._wrong_answer_kinds),
            "floor_reads": None if self._floor is None else self._floor.reads,
            **self.origin.figures(),
            "origin_asked": self.origin.asked + unended,
            **(NOT_ASKED if self._overtaken is None else self._overtaken.figures()),
            **self._good.figures(asked := self._asked()),
            **self._good.outage(asked, trigger, unended),
        }
        if self._under is not None and trigger is not None:
            figures["under_trigger"] = self._under.figures(asked, self._good.short, trigger)
        return figures | (dict.fromkeys(ABOUT_ANSWERS) if self.nothing else {})

    @property
    def notes(self) -> list[str]:
        """Facts about the figures that a reader needs, though nothing went wrong."""
        return [] if self.nothing or self.origin.figures()["steady_peak_1s"] is not None else [NOTHING_EXPIRED]

    @property
    def nothing(self) -> list[str]:
        """The reason why there is no figure about answers; then the run is no result."""
        if not self.requests:
            return ["no request was sent"]
        if self._errors == self.requests:
            return [f"no request got a good answer: {self._errors:,} of {self.requests:,} are errors"]
        return []

    def _asked(self) -> Integers:
        """The requests by intended start, in steps of `STEP_S`; those of beyond the end are in the last."""
        asked = self._arrivals.reshape(-1, IN_STEP).sum(axis=1)
        steps = max(1, int(np.ceil(round(self._duration_s / STEP_S, 6))))
        asked[steps - 1] += asked[steps:].sum()
        return np.asarray(asked[:steps])

    def _dispersion(self) -> float | None:
        """The dispersion of arrivals: variance over mean of the requests intended in each hundredth of a second.

        It is taken within each second, so that a change of rate adds none. Users who have fallen into step come near
        their number.
        """
        counts = self._arrivals.reshape(-1, STEPS_IN_SECOND)
        counts = counts[counts.any(axis=1)]
        return round(float(counts.var(axis=1, ddof=1).sum() / counts.mean(axis=1).sum()), 2) if len(counts) else None

    def series(self) -> Series:
        """Origin reads and latency over time."""
        bins = self._bins
        p50_ms, p99_ms = (
            1e3 * np.maximum(_FINEST_S, self._latency_over_time.percentiles_s(share)) for share in (0.5, 0.99)
        )
        time_s = np.arange(bins, dtype=np.float64) * self._bin_s
        return Series(self._bin_s, time_s, self.origin.per_second(), p50_ms, p99_ms, self._good.series(self._asked()))


def _milliseconds(histogram: Histogram, share: float) -> float | None:
    return round(histogram.percentile_s(share) * 1000, 3) if len(histogram) else None


def _seconds(histogram: Histogram, share: float) -> float | None:
    return round(histogram.percentile_s(share), 3) if len(histogram) else None


def new_tally(scenario: Scenario, start_s: float, oldest_s: float | None = None) -> Tally:
    """An empty tally for a run of this scenario whose load begins at `start_s`; `oldest_s` as in `Tally`."""
    is_warmed, ttl_s = scenario.warm.keys != "none", scenario.cache.ttl_s
    return Tally(
        start_s, scenario.duration_s, ttl_s, scenario.slow_ms, scenario.hot_keys, is_warmed, oldest_s,
        is_paced=scenario.load.loop == "open" or scenario.load.rate_per_s is not None,
        is_patient=scenario.client.is_patient and not Departures(scenario.faults, 0),
        is_written=scenario.writes is not None,
        trigger=scenario.trigger,
    )  # fmt: skip
