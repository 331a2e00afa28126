"""The generator is measured too: every process that sends says how it kept up, and a run it spoilt is no result.

Latency counts from the intended start, so whatever the generator does late is inside every figure of the run.
"""

import json
import os
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACHIEVED_SHARE_MIN = 0.99
"""Of the target rate."""
CPU_SHARE_MAX = 0.95
"""Of one core, which is all that a process with one thread can have: beyond it, requests wait for the generator."""
LATENESS_P99_MS_MAX = 50.0
"""Lateness is part of the latency that is reported. The lab tells waits for an origin of 100 or 200 ms from none, so a
p99 that holds 50 ms of the generator's own still shows which it was, and one that holds more does not; less is not to
be had of a machine that is shared, which stops any process for some tens of milliseconds now and then."""

_COUNTS = ("due", "sent", "not_sent", "in_flight_peak")
_WORST = ("lateness_p50_ms", "lateness_p99_ms", "lateness_max_ms", "cpu_share", "wall_s")
_STEP_MS, _STEPS = 0.1, 10_000
_EPOCH_S = time.time() - time.monotonic()


def now_s() -> float:
    """Seconds since the epoch that never go backwards."""
    return time.monotonic() + _EPOCH_S


class Meter:
    """What one process sends, and how late. Its memory does not grow, however long the load."""

    def __init__(self, in_flight_max: int | None, processes: int = 1) -> None:
        """`in_flight_max` is this process's, None in a closed loop; `processes` send the load together."""
        self.in_flight_max = in_flight_max
        self.processes = processes
        self.sent = self.not_sent = 0
        self.in_flight = self.in_flight_peak = 0
        self._lateness = array("Q", [0]) * (_STEPS + 1)
        self._lateness_max_s = 0.0
        self.start()

    def start(self) -> None:
        """The load begins now."""
        self._began_s, self._cpu_began_s = time.monotonic(), time.process_time()
        self._wall_s = self._cpu_s = 0.0

    def stop(self) -> None:
        """Nothing more will be due; what is on its way may come back."""
        if not self._wall_s:
            self._wall_s = time.monotonic() - self._began_s
            self._cpu_s = time.process_time() - self._cpu_began_s

    def leaves(self, lateness_s: float) -> None:
        """A request is sent, so long after it was meant to be."""
        self.sent += 1
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
        self._lateness_max_s = max(self._lateness_max_s, lateness_s)
        self._lateness[min(int(max(lateness_s, 0.0) * 1000 / _STEP_MS), _STEPS)] += 1

    def returns(self) -> None:
        """A request has ended, however it did."""
        self.in_flight -= 1

    def lateness_ms(self, share: float) -> float:
        """What at least this share of the requests were no later than, to 0.1 ms; beyond a second, the latest's."""
        seen = 0
        for step, count in enumerate(self._lateness[:_STEPS]):
            seen += count
            if seen and seen >= share * self.sent:
                return round(step * _STEP_MS, 1)
        return round(self._lateness_max_s * 1000, 1)

    def write(self, folder: Path) -> None:
        """The file `generator-<pid>.json`, for `read_generator`."""
        self.stop()
        record = {
            "pid": os.getpid(),
            "processes": self.processes,
            "due": self.sent + self.not_sent,
            "sent": self.sent,
            "not_sent": self.not_sent,
            "in_flight_peak": self.in_flight_peak,
            "in_flight_max": self.in_flight_max,
            "lateness_p50_ms": self.lateness_ms(0.50),
            "lateness_p99_ms": self.lateness_ms(0.99),
            "lateness_max_ms": round(self._lateness_max_s * 1000, 1),
            "cpu_share": round(self._cpu_s / self._wall_s, 3) if self._wall_s else 0.0,
            "wall_s": round(self._wall_s, 3),
        }
        (folder / f"generator-{os.getpid()}.json").write_text(json.dumps(record, indent=2) + "\n")


@dataclass(frozen=True, slots=True)
class Generator:
    """All processes that sent a load. Counts are added up; the rest is the process's that did worst."""

    processes: int  # that there were to be
    silent: int  # of them, left no record
    due: int  # requests
    sent: int
    not_sent: int
    in_flight_peak: int
    in_flight_max: int | None  # None in a closed loop
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_max_ms: float
    cpu_share: float  # of one core
    wall_s: float

    def faults(self, target_rate: float | None, achieved_rate: float) -> list[str]:
        """Why the run is no result, in plain sentences; none where it is one.

        Rates are requests/s. The target of an open loop is what was due over its duration, which is random around the
        scenario's rate; None where answers set the pace.
        """
        found = []
        if target_rate is not None and achieved_rate < ACHIEVED_SHARE_MIN * target_rate:
            found.append(f"the load reached {achieved_rate:.0f} of {target_rate:.0f} requests/s")
        # a user of a closed loop is late when its answers are, which is the service's doing
        if self.in_flight_max is not None and self.lateness_p99_ms > LATENESS_P99_MS_MAX:
            found.append(
                f"1 % of the requests left more than {self.lateness_p99_ms:.0f} ms late "
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
        if self.silent:
            found.append(f"{self.silent} of {self.processes} generator processes left no record")
        return found


def read_generator(raw: Path) -> Generator | None:
    """What the processes wrote beside their answers; None where none did.

    Raises OSError, or ValueError naming the file.
    """
    records = [_read(path) for path in sorted(raw.glob("generator-*.json"))]
    if not records:
        return None
    bounds = [record["in_flight_max"] for record in records]
    processes = max(record["processes"] for record in records)
    return Generator(
        processes=processes,
        silent=max(0, processes - len(records)),
        in_flight_max=None if None in bounds else sum(bounds),
        **{name: sum(record[name] for record in records) for name in _COUNTS},
        **{name: max(record[name] for record in records) for name in _WORST},
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        for name in ("processes", "in_flight_max", *_COUNTS, *_WORST):
            record[name]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a generator's record: {error!r}") from error
    return record
