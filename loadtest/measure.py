"""From raw records to figures.

A run leaves two kinds of records: what the clients saw (`answers*.csv`) and what the origin was asked (`ledger.csv`).
Every figure is computed from them here, so anyone who has the run's directory can compute it again.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ANSWER_COLUMNS = ("intended_s", "sent_s", "ended_s", "key", "code", "status", "age_s", "pod", "fault")
"""One line per request. Times are seconds since the epoch; `intended_s` is when the client meant to send it.
`code` is 0 and `status` empty where no answer came; `age_s` is empty where there is none; `fault` says what was wrong
with the answer's content."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the clients of one run saw, one element per request."""

    intended_s: Floats
    ended_s: Floats
    age_s: Floats  # NaN where the answer has none
    codes: NDArray[np.int64]
    statuses: Sequence[str]
    faults: Sequence[str]

    @property
    def latency_s(self) -> Floats:
        return self.ended_s - self.intended_s


@dataclass(frozen=True, slots=True)
class Reads:
    """The origin's ledger over all pods, one element per read."""

    asked_s: Floats
    whys: Sequence[str]


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


def read_answers(paths: Sequence[Path]) -> Answers:
    """Raises ValueError naming the file where it is not a file of answers."""
    lines = [line for path in paths for line in _read_lines(path, ANSWER_COLUMNS)]
    return Answers(
        intended_s=np.array([float(line["intended_s"]) for line in lines]),
        ended_s=np.array([float(line["ended_s"]) for line in lines]),
        age_s=np.array([float(line["age_s"] or "nan") for line in lines]),
        codes=np.array([int(line["code"]) for line in lines], dtype=np.int64),
        statuses=[line["status"] for line in lines],
        faults=[line["fault"] for line in lines],
    )


def read_ledger(path: Path, clock_offset_s: float = 0.0) -> Reads:
    """The reads on the clients' clock, which the ledger's is ahead of by `clock_offset_s`.

    Raises ValueError naming the file where it is not a ledger.
    """
    lines = _read_lines(path, ("asked_s", "why"))
    asked_s = np.array([float(line["asked_s"]) for line in lines]) - clock_offset_s
    return Reads(asked_s, [line["why"] for line in lines])


def _read_lines(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := set(columns) - set(reader.fieldnames or ()):
            raise ValueError(f"{path}: no column {min(missing)}")
        # a generator that was killed may have left half a line
        return [line for line in reader if None not in line.values()]


def sliding_peak(times_s: Floats, window_s: float = 1.0) -> int:
    """The most events in any window of that length, exactly: some busiest window begins with an event."""
    if len(times_s) == 0:
        return 0
    ordered = np.sort(times_s)
    return int(np.max(np.searchsorted(ordered, ordered + window_s, side="left") - np.arange(len(ordered))))


def percentile(values: Floats, share: float) -> float:
    """The smallest value that at least `share` of all are not above (nearest rank); 0 for none."""
    return float(np.quantile(values, share, method="inverted_cdf")) if len(values) else 0.0


def since(reads: Reads, start_s: float) -> Reads:
    """Without what was asked before the load began: the warm-up."""
    kept = np.flatnonzero(reads.asked_s >= start_s)
    return Reads(reads.asked_s[kept], [reads.whys[index] for index in kept.tolist()])


def figures(answers: Answers, reads: Reads, duration_s: float, **named: Any) -> Row:
    """The row of one run. `named` are the fields of `Row` that no record holds."""
    latency_ms = answers.latency_s * 1000
    ages_s = answers.age_s[~np.isnan(answers.age_s)]
    statuses = Counter(status for status in answers.statuses if status)
    faults = Counter(fault for fault in answers.faults if fault)
    requests = len(answers.codes)
    return Row(
        duration_s=duration_s,
        requests=requests,
        achieved_rate=round(requests / duration_s, 2),
        hit_ratio=round((statuses["hit"] + statuses["stale"]) / requests, 5) if requests else 0.0,
        origin_reads=len(reads.asked_s),
        origin_peak_1s=sliding_peak(reads.asked_s),
        p50_ms=round(percentile(latency_ms, 0.50), 2),
        p95_ms=round(percentile(latency_ms, 0.95), 2),
        p99_ms=round(percentile(latency_ms, 0.99), 2),
        age_p50_s=round(percentile(ages_s, 0.50), 3),
        age_p99_s=round(percentile(ages_s, 0.99), 3),
        statuses=dict(sorted(statuses.items())),
        reads_by_why=dict(sorted(Counter(reads.whys).items())),
        errors=int(np.sum(~np.isin(answers.codes, (200, 404)))),
        wrong_answers=faults.total(),
        faults=dict(faults),
        **named,
    )


def series(answers: Answers, reads: Reads, start_s: float, duration_s: float, bin_s: float = 0.5) -> Series:
    """Origin reads and latency over time."""
    bins = max(1, int(np.ceil(duration_s / bin_s)))
    edges = np.arange(bins + 1) * bin_s
    counts, _ = np.histogram(reads.asked_s - start_s, edges)
    place = np.digitize(answers.intended_s - start_s, edges) - 1
    latency_ms = answers.latency_s * 1000
    p50_ms, p99_ms = np.full(bins, np.nan), np.full(bins, np.nan)
    for number in range(bins):
        if len(inside := latency_ms[place == number]):
            p50_ms[number], p99_ms[number] = percentile(inside, 0.5), percentile(inside, 0.99)
    return Series(bin_s, edges[:-1].astype(np.float64), counts / bin_s, p50_ms, p99_ms)
