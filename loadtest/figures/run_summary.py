"""The figures of one run, and its course over time."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from loadtest.figures.records import Floats, Integers

PERCENTILES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
"""Percentiles of latency: fields of a summary, and the share of the requests that were no slower."""
ABOUT_ANSWERS = (
    "hit_ratio", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "age_p50_s", "age_p99_s", "older_share",
    "wait_p50_ms", "wait_p99_ms", "slow_s", "age_max_s", "cold_p99_ms", "steady_p99_ms", "waited_share",
)  # fmt: skip
"""Fields of a summary that are None where no answer was good, because errors are quick and would look good."""
NEVER = "never"
"""The word for an infinite time in every form of a summary but in memory: what was waited for did not come."""
ROUNDED = 0.02
"""The share by which a percentile may be above the latency that it stands for."""
MAY_BE_NEVER = frozenset({"recovers_after_s"})
"""Fields of a summary that may be infinite."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The figures of one strategy in one run, as summary.json holds them; None is written as null.

    Without a good answer there is no figure about answers. A figure that was not measured, or of something that did not
    happen, is None and never 0.
    """

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
    hit_ratio: float | None  # hit and stale answers over all requests
    origin_asked: int  # reads asked for, whatever their outcome
    origin_reads: int  # reads that got a connection
    origin_failed: int  # reads that the store failed
    origin_shed: int  # reads that were shed, because too many waited
    origin_peak_1s: int  # most reads in any sliding second over all pods, by their moment of asking, without the shed
    cold_reads: int  # those of `origin_reads` in the cold start: see `loadtest.figures.stampedes`
    cold_peak_1s: int  # the peak of the cold start alone
    steady_peak_1s: int | None  # the peak of all other reads: at expiries and refreshes; None where there were none
    p50_ms: float | None  # latency of all requests, from their intended start
    p95_ms: float | None
    p99_ms: float | None
    age_p50_s: float | None  # age of the answers; None where none has one
    age_p99_s: float | None
    statuses: dict[str, int]
    reads_by_reason: dict[str, int]  # `origin_reads` by the reason of the load
    errors: int  # neither 200 nor 404, or no answer
    wrong_answers: int
    wrong_answer_kinds: dict[str, int] = field(default_factory=dict)  # counts by what was wrong with an answer
    incidents: list[str] = field(default_factory=list)  # what happened during the run and should not have
    planned_faults: list[dict[str, Any]] = field(default_factory=list)  # what, began_s, ended_s: see `Incident`
    notes: list[str] = field(default_factory=list)  # facts that a reader needs, though nothing went wrong
    valid: bool = True  # False where an incident makes the run no result
    is_reference: bool = False  # a reference decides neither exit code nor verdict
    repeat: int = 1  # the number of the repeat, from 1 on
    warm_peak_1s: int | None = None  # the peak of warmers' loads; None where there were none
    p90_ms: float | None = None
    p999_ms: float | None = None
    slow_s: int | None = None  # seconds in which at least 1 % of the requests took longer than slow_ms
    slow_ms: float = 0.0
    older_share: float | None = None  # share of the answers that are older than the TTL
    age_max_s: float | None = None  # age of the oldest answer
    promised_s: float | None = None  # the strategy's own promise of it while no load fails; None where it is not known
    cold_requests: int | None = None  # requests of the cold start: see `loadtest.figures.cold_answers`
    cold_p99_ms: float | None = None  # their latency; None where there were none
    steady_p99_ms: float | None = None  # latency of all other requests
    waited_share: float | None = None  # of these, the share that waited for a load: its own, another's, or in vain
    wait_p50_ms: float | None = None  # latency of the collapsed answers: the wait for another's load
    wait_p99_ms: float | None = None
    stampedes: dict[str, dict[str, float]] = field(default_factory=dict)  # see loadtest.figures.stampedes
    floor_reads: int | None = None  # fewest reads that could serve these requests: see `loadtest.figures.floor`
    commands_per_request: float | None = None  # Redis commands; None where they were not counted
    commands_per_read_saved: float | None = None  # the same for each request that did not read the origin
    local_share: float | None = None  # answers from a pod's own copy over all requests; None without a local tier
    service_us: float | None = None  # CPU of the pods for each request; None where it is not known
    memory_peak_mb: float | None = None  # of the pod that took the most; None where it is not known
    log_bytes_per_request: float | None = None  # what pods log for each request; None where it is not known
    lateness_p99_ms: float | None = None  # sent less intended, by the generator's record; None without one
    generator_cpu_share: float | None = None  # share of one core that its busiest process took
    arrivals_dispersion: float | None = None  # variance over mean: see `Tally`; 1 is Poisson, 0 a fixed pace
    lead_s: float = 0.0  # seconds from the end of the warm-up to the first request
    warm_spread_s: float = 0.0  # seconds between the first answer of the warm-up burst and its last
    writes: int | None = None  # writes of items; None, as the next two, where the scenario states none
    overtaken_share: float | None = None  # answers that a write had overtaken: see `loadtest.figures.overtaken`
    overtaken_p99_s: float | None = None  # how long before they were asked for; None where none was
    goodput: float | None = None  # requests/s with a good answer; None without a trigger and for patient clients
    attempts: int | None = None  # requests and retries; None, as the next three, for clients that wait and ask once
    attempts_per_request: float | None = None
    retries_peak_100ms: int | None = None  # most retries in any 100 ms, by their sending
    gave_up: int | None = None  # requests whose last attempt was abandoned, or had no answer
    failed_during: int | None = None  # requests of the trigger's time without a good answer; None without a trigger
    recovers_after_s: float | None = None  # infinite for never: see `loadtest.figures.recovery`
    worst_second: float | None = None  # least goodput of a second from the trigger on, as a share of that before
    origin_attempts_per_request: float | None = None  # origin reads asked for per request, from the trigger on
    nets: dict[str, int] | None = None  # answers in which each net had a part: see `loadtest.figures.net_acts`
    under_trigger: dict[str, float | None] = field(default_factory=dict)  # see `loadtest.figures.under_trigger`
    assumed: list[str] = field(default_factory=list)  # figures that only virtual time assumes: see `assumed_figures`
    trace: str = ""  # the hash of every event, in virtual time; the same for the same seed and commit

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them, with `NEVER` for an infinite time."""
        return as_written(asdict(self))

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> "RunSummary":
        """The summary that `as_dict` describes. Raises TypeError where it is none."""
        return cls(**{**stated, **{name: math.inf for name in MAY_BE_NEVER if stated.get(name) == NEVER}})


@dataclass(frozen=True, slots=True)
class Attempted:
    """The course of one run as its clients saw it."""

    asked: Floats
    """Requests that were meant for each second of the load."""
    good: Floats
    """Those of them that ended with a good answer."""
    in_100ms: Integers | None = None
    """Attempts, first ones and retries, in each 100 ms; None for clients that wait and ask once."""


class RepeatsBand(NamedTuple):
    """The lowest and the highest of all repeats in each bin; NaN where none has a value."""

    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Series:
    """The course of one run in bins of `bin_s` seconds from the start of the load; an empty bin's latency is NaN."""

    bin_s: float
    time_s: Floats
    origin_reads: Floats  # reads per second, by their moment of asking
    p50_ms: Floats
    p99_ms: Floats
    attempted: Attempted | None = None
    repeat: int = 1  # the repeat of this course
    reads_band: RepeatsBand | None = None  # of `in_last_second` over the repeats; None for one run, as the next
    p99_band: RepeatsBand | None = None

    def in_last_second(self) -> Floats:
        """Reads in the second that ends with each bin: the unit of the peak, so that the two can be compared by eye.

        A bin's own rate cannot: a herd of 60 within a bin of half a second is a rate of 120/s, twice its peak.
        """
        bins = max(1, round(1 / self.bin_s))
        summed: Floats = np.convolve(self.origin_reads, np.ones(bins))[: len(self.origin_reads)]
        return summed / bins


def as_written(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a run as JSON can hold them: with `NEVER` for an infinite time."""
    return {**figures, **{name: NEVER for name in MAY_BE_NEVER if figures.get(name) == math.inf}}


def assumed_figures(figures: Mapping[str, Any], hit_ms_max: float) -> list[str]:
    """The percentiles of latency that are a hit's, in virtual time where a request takes no CPU.

    They are the network's delay that the scenario states, and no measure of a service. Hits are the quickest answers,
    so a percentile is a hit's where at least that share of the answers are hits, stale ones too. An answer that took
    longer than `hit_ms_max` waited for something, as one does that is stale because a load has failed.
    """
    served, latest_ms = figures["hit_ratio"] or 0.0, hit_ms_max * (1 + ROUNDED)
    found = {name: figures[name] for name, share in PERCENTILES.items() if served >= share}
    waited = figures.get("waited_share")
    if waited is not None and 1 - waited >= PERCENTILES["p99_ms"]:
        found["steady_p99_ms"] = figures["steady_p99_ms"]
    return [name for name, value_ms in found.items() if value_ms is not None and value_ms <= latest_ms]
