"""The figures of one run, and its course over time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from loadtest.figures.records import Floats

PERCENTILES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
"""Fields of a row, and the share of the requests that were no slower."""
ABOUT_ANSWERS = (
    "hit_ratio", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "age_p50_s", "age_p99_s", "older_share",
    "wait_p50_ms", "wait_p99_ms", "slow_s",
)  # fmt: skip
"""Fields of a row that say nothing where no answer was good: errors are quick, and an old 0 looks like a good one."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The figures of one strategy in one run. Written to summary.json as they are; None is written as null.

    Where no answer was good there is no figure about answers; what was not measured, or did not happen so that there is
    nothing to take a figure of, is None and never 0.
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
    origin_asked: int  # reads asked for, whatever became of them
    origin_reads: int  # of these, those that got a connection
    origin_failed: int  # of those, the ones that the store failed
    origin_shed: int  # that were turned away, because too many waited
    origin_peak_1s: int  # most reads let in, by the moment they were asked for, in any sliding second, over all pods
    cold_reads: int  # of `origin_reads`, those of the cold start: see `loadtest.figures.stampedes`
    cold_peak_1s: int  # the peak of the cold start alone
    steady_peak_1s: int | None  # the peak of all other reads: at expiries and refreshes; None where there were none
    p50_ms: float | None  # latency of all requests, from their intended start
    p95_ms: float | None
    p99_ms: float | None
    age_p50_s: float | None  # age of the answers; None where none has one
    age_p99_s: float | None
    statuses: dict[str, int]
    reads_by_reason: dict[str, int]  # of `origin_reads`
    errors: int  # neither 200 nor 404
    wrong_answers: int
    wrong_answer_kinds: dict[str, int] = field(default_factory=dict)  # what was wrong with them
    incidents: list[str] = field(default_factory=list)  # what happened to the world during the run
    notes: list[str] = field(default_factory=list)  # what to know of the figures, though nothing went wrong
    valid: bool = True  # False: something happened that makes this no result
    is_reference: bool = False  # shows what no strategy can leave; decides neither exit code nor verdict
    repeat: int = 1  # which of several runs of the same strategy
    p90_ms: float | None = None
    p999_ms: float | None = None
    slow_s: int | None = None  # seconds in which at least 1 % of the requests took longer than slow_ms
    slow_ms: float = 0.0
    older_share: float | None = None  # of the answers: older than the TTL
    wait_p50_ms: float | None = None  # of the collapsed answers: what waiting for another's load took
    wait_p99_ms: float | None = None
    stampedes: dict[str, dict[str, float]] = field(default_factory=dict)  # see loadtest.figures.stampedes
    floor_reads: int | None = None  # the fewest that could have served these requests; see `loadtest.figures.floor`
    commands_per_request: float | None = None  # Redis commands; None where they were not counted
    commands_per_read_saved: float | None = None  # the same for each request that did not read the origin
    service_us: float | None = None  # CPU time of the pods for each request; None where it is not known
    lateness_p99_ms: float | None = None  # of the generator: sent, less intended; None where there is none
    generator_cpu_share: float | None = None  # of one core, by the busiest of its processes
    arrivals_dispersion: float | None = None  # of the requests' moments: see `Tally`; 1 is Poisson, 0 a fixed pace
    lead_s: float = 0.0  # from the end of the warm-up to the first request
    warm_spread_s: float = 0.0  # between the first answer of the warm-up burst and its last
    assumed: list[str] = field(default_factory=list)  # figures that only virtual time assumes: see `assumed_figures`
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
    repeat: int = 1  # whose course it is
    highest_reads: Floats | None = None  # of several repeats, the most that any had in each bin


def assumed_figures(figures: Mapping[str, Any]) -> list[str]:
    """Percentiles of latency that are a hit's, in virtual time where a request takes no CPU: they are what the scenario
    says that the network takes, and not what any service does. A percentile is a hit's where as large a share of the
    answers are hits: they are the quickest."""
    served = figures["hit_ratio"] or 0.0
    return [name for name, share in PERCENTILES.items() if figures[name] is not None and served >= share]
