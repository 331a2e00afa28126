"""The generator is measured too: every process that sends says how it kept up, and a run it spoilt is no result.

Latency counts from the intended start, so whatever an open loop's generator does late is inside every figure. In a
closed loop a request is intended whenever its user comes to it: a generator that stood still shows nowhere, so a
ticker beside the users has a timetable of its own, and what it is late with is the generator's doing alone.
"""

import json
import math
import os
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.arrivals import arrivals, first_pause_s
from loadtest.scenario import Scenario

ACHIEVED_SHARE_MIN = 0.99
"""Of the target rate."""
CPU_SHARE_MAX = 0.95
"""Of one core, which is all that a process with one thread can have: beyond it, requests wait for the generator."""
LATENESS_P99_MS_MAX = 50.0
"""Lateness is part of the latency that is reported. The lab tells waits for an origin of 100 or 200 ms from none, so a
p99 that holds 50 ms of the generator's own still shows which it was, and one that holds more does not; less is not to
be had of a machine that is shared, which stops any process for some tens of milliseconds now and then."""

TICK_S = 0.02
"""Between two looks of the ticker."""
SHORT_S_MAX = 0.5
"""What a load may be shorter than its scenario: the last requests of users who think, and the start of processes."""

_COUNTS = ("due", "sent", "not_sent", "in_flight_peak")
_WORST = ("lateness_p50_ms", "lateness_p99_ms", "lateness_max_ms", "cpu_share", "wall_s")
_TEXTS = ("cut_short",)
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
        self.cut_short = ""
        """Why it was ended before its time; nothing where it was not."""
        self._requests, self._ticks = _Lateness(), _Lateness()
        self.start()

    def start(self) -> None:
        """The load begins now."""
        self._began_s, self._cpu_began_s = time.monotonic(), time.process_time()
        self._wall_s = self._cpu_s = 0.0

    def stop(self, cut_short: str = "") -> None:
        """Nothing more will be due; what is on its way may come back."""
        if not self._wall_s:
            self.cut_short = cut_short
            self._wall_s = max(time.monotonic() - self._began_s, 1e-6)
            self._cpu_s = time.process_time() - self._cpu_began_s

    @property
    def is_stopped(self) -> bool:
        return self._wall_s > 0

    def ticks(self, lateness_s: float) -> None:
        """The ticker came so long after it was meant to. It skips no tick: of a generator that stood still for a
        quarter of the time, a quarter of the ticks are late."""
        if not self._wall_s:
            self._ticks.add(lateness_s)

    def leaves(self, lateness_s: float) -> None:
        """A request is sent, so long after it was meant to be."""
        self.sent += 1
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
        self._requests.add(lateness_s)

    def returns(self) -> None:
        """A request has ended, however it did."""
        self.in_flight -= 1

    def lateness_ms(self, share: float) -> float:
        """What at least this share of the ticks, and in an open loop of the requests, were no later than.

        To 0.1 ms; beyond a second, the latest's. That a user of a closed loop is late is its answers' doing.
        """
        ticks_ms = self._ticks.at_ms(share)
        return ticks_ms if self.in_flight_max is None else max(ticks_ms, self._requests.at_ms(share))

    def write(self, folder: Path, life: str) -> None:
        """The file `generator-<life>.json`, for `read_generator`; `life` is this process's and this test's own."""
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
            "lateness_max_ms": self.lateness_ms(1.0),
            "cpu_share": round(self._cpu_s / self._wall_s, 3) if self._wall_s else 0.0,
            "wall_s": round(self._wall_s, 3),
            "cut_short": self.cut_short,
        }
        (folder / f"generator-{life}.json").write_text(json.dumps(record, indent=2) + "\n")


class _Lateness:
    """A histogram in steps of 0.1 ms up to a second."""

    def __init__(self) -> None:
        self._counts, self._all, self._most_s = array("Q", [0]) * (_STEPS + 1), 0, 0.0

    def add(self, lateness_s: float) -> None:
        self._all += 1
        self._most_s = max(self._most_s, lateness_s)
        self._counts[min(int(max(lateness_s, 0.0) * 1000 / _STEP_MS), _STEPS)] += 1

    def at_ms(self, share: float) -> float:
        seen = 0
        for step, count in enumerate(self._counts[:_STEPS] if share < 1 else ()):
            seen += count
            if seen and seen >= share * self._all:
                return round(step * _STEP_MS, 1)
        return round(self._most_s * 1000, 1)


class Due(NamedTuple):
    """What a scenario asks of its generator, whatever that says of itself."""

    duration_s: float
    requests: int | None
    """In all; None where answers set the pace."""
    is_exact: bool = False
    """Every one of them is known beforehand: of an open loop, seed and all."""


def what_is_due(scenario: Scenario, seed: int) -> Due:
    """Exactly: the arrivals of an open loop are seeded, and so is a timetable. Raises `BadTrace` and OSError."""
    load, duration_s = scenario.load, scenario.duration_s
    if load.loop == "open":
        pieces = arrivals(load, scenario.keys, duration_s, seed)
        return Due(duration_s, sum(len(piece.time_s) for piece in pieces), is_exact=True)
    if load.rate_per_s is None:
        return Due(duration_s, None)
    users = load.users or 1
    period_s = users / load.rate_per_s
    firsts_s = (first_pause_s(seed, 0, user, period_s) for user in range(users))
    return Due(duration_s, sum(math.ceil((duration_s - first_s) / period_s) for first_s in firsts_s))


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
    shortest_s: float = math.inf  # that one of the processes sent
    cut_short: str = ""  # why one was ended before its time

    def faults(self, due: Due, answered: int) -> list[str]:
        """Why the run is no result, in plain sentences; none where it is one. `answered` requests have a line in the
        record, whatever came back."""
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
