"""The generator's own record of a run: how each of its processes kept up, and whether that makes the run no result.

Latency counts from the intended start, so the lateness of an open loop's generator is inside every figure. In a closed
loop a request is intended whenever its user comes to it, so a generator that stood still shows nowhere. A ticker beside
the users therefore has a timetable of its own, and its lateness is the generator's alone.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.workload.arrivals import arrivals, first_pause_s
from loadtest.workload.scenario import Scenario

ACHIEVED_SHARE_MIN = 0.99
"""The least share of the target rate that a load must reach."""
CPU_SHARE_MAX = 0.95
"""The most CPU of a process with one thread, as a share of its one core; beyond it, requests wait for the generator."""
LATENESS_P99_MS_MAX = 50.0
"""The most lateness at p99, in milliseconds, which is part of the latency that is reported.

The lab tells waits for an origin of 100 or 200 ms from none. A p99 that holds 50 ms of the generator's own still shows
which it was. Less is not to be had of a shared machine, which stops any process for some tens of milliseconds now and
then.
"""
SHORT_S_MAX = 0.5
"""Seconds that a load may be shorter than its scenario: users think after their last request, and processes start."""

_COUNTS = ("due", "sent", "not_sent", "in_flight_peak")
_WORST = ("lateness_p50_ms", "lateness_p99_ms", "lateness_max_ms", "cpu_share", "wall_s")
_TEXTS = ("cut_short",)
_OF_RETRIES = ("retries", "retries_not_sent", "retries_unsent", "retries_waiting_peak")
"""Counts that records of earlier versions lack; their clients asked once."""


class Due(NamedTuple):
    """The load that a scenario demands of its generator."""

    duration_s: float
    requests: int | None
    """All requests of the load; None where answers set the pace."""
    is_exact: bool = False
    """Whether every request is known beforehand, as in an open loop with its seed."""


def what_is_due(scenario: Scenario, seed: int) -> Due:
    """The load that is due with this seed, which decides arrivals and timetables. Raises `BadTrace` and OSError."""
    load, duration_s = scenario.load, scenario.duration_s
    if load.loop == "open":
        chunks = arrivals(load, scenario.keys, duration_s, seed)
        return Due(duration_s, sum(len(chunk.time_s) for chunk in chunks), is_exact=True)
    if load.rate_per_s is None:
        return Due(duration_s, None)
    users = load.users or 1
    period_s = users / load.rate_per_s
    firsts_s = (first_pause_s(seed, 0, user, period_s) for user in range(users))
    return Due(duration_s, sum(math.ceil((duration_s - first_s) / period_s) for first_s in firsts_s))


@dataclass(frozen=True, slots=True)
class GeneratorRecord:
    """The record of all processes that sent a load: counts are sums, other figures are the worst of any process."""

    processes: int  # that the plan has
    silent: int  # processes without a record
    due: int  # requests of the schedule
    sent: int
    not_sent: int
    in_flight_peak: int
    in_flight_max: int | None  # None in a closed loop
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_max_ms: float
    cpu_share: float  # of one core
    wall_s: float
    shortest_s: float = math.inf  # the shortest time that a process sent
    cut_short: str = ""  # the reason why a process ended early
    retries: int = 0
    retries_not_sent: int = 0  # that a bound of the generator stopped
    retries_unsent: int = 0  # that waited for their time when the run ended
    retries_waiting_peak: int = 0
    retries_lateness_p99_ms: float = 0.0

    def faults(self, due: Due, answered: int) -> list[str]:
        """The reasons why the run is no result, as sentences; `answered` is the number of requests in the record."""
        found = []
        if self.shortest_s < due.duration_s - SHORT_S_MAX or self.cut_short:
            why = f": {self.cut_short}" if self.cut_short else ""
            found.append(f"the load was sent for {self.shortest_s:.1f} of {due.duration_s:g} s{why}")
        if due.requests is not None and answered < ACHIEVED_SHARE_MIN * due.requests:
            rate, target = answered / due.duration_s, due.requests / due.duration_s
            found.append(f"the load reached {rate:.1f} of {target:.1f} requests/s")
        elif due.is_exact and answered != due.requests:
            found.append(f"{answered} requests are in the record, and {due.requests} in the scenario's schedule")
        if self.sent != answered:
            found.append(f"{self.sent} requests were sent, and {answered} are in the record")
        if self.lateness_p99_ms > LATENESS_P99_MS_MAX:
            what = "of the time the generator was" if self.in_flight_max is None else "of the requests left"
            found.append(
                f"1 % {what} more than {self.lateness_p99_ms:.0f} ms late "
                f"(up to {LATENESS_P99_MS_MAX:.0f} ms is fair): the generator could not keep up"
            )
        if self.cpu_share > CPU_SHARE_MAX:
            found.append(
                f"a generator process was busy {self.cpu_share:.0%} of the time (up to {CPU_SHARE_MAX:.0%} is fair)"
            )
        if self.not_sent:
            found.append(
                f"{self.not_sent} of {self.due} requests were not sent: {self.in_flight_max} were on their way, "
                "or the generator had not come to them when the load ended"
            )
        if self.retries_not_sent:
            found.append(
                f"{self.retries_not_sent} retries were not sent: too many waited for their time, or were on their way"
            )
        if self.silent:
            found.append(f"{self.silent} of {self.processes} generator processes left no record")
        return found

    @property
    def notes(self) -> list[str]:
        """Facts about the load that a reader needs, though nothing went wrong."""
        if not self.retries_unsent:
            return []
        return [
            f"retries whose time had not come when the run ended, and that were never sent: {self.retries_unsent:,}"
        ]


def read_generator(raw: Path) -> GeneratorRecord | None:
    """The record that the processes wrote beside their answers; None where none did.

    Raises OSError, or ValueError naming the file.
    """
    records = [_read(path) for path in sorted(raw.glob("generator-*.json"))]
    if not records:
        return None
    bounds = [record["in_flight_max"] for record in records]
    processes = max(record["processes"] for record in records)
    return GeneratorRecord(
        processes=processes,
        silent=max(0, processes - len(records)),
        in_flight_max=None if None in bounds else sum(bounds),
        **{name: sum(record[name] for record in records) for name in _COUNTS},
        **{name: max(record[name] for record in records) for name in _WORST},
        **{name: sum(record.get(name, 0) for record in records) for name in _OF_RETRIES},
        retries_lateness_p99_ms=max(record.get("retries_lateness_p99_ms", 0.0) for record in records),
        shortest_s=min(record["wall_s"] for record in records),
        cut_short="; ".join(sorted({record["cut_short"] for record in records} - {""})),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        for name in ("processes", "in_flight_max", *_COUNTS, *_WORST, *_TEXTS):
            record[name]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a generator's record: {error!r}") from error
    return record
