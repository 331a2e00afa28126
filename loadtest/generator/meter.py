"""A generator process's own count of what it sends, and how late."""

import json
import os
import time
from pathlib import Path

from loadtest.figures.histogram import Histogram

TICK_S = 0.02
"""The time between two looks of the ticker, seconds."""
_EPOCH_S = time.time() - time.monotonic()


def now_s() -> float:
    """Seconds since the epoch that never go backwards."""
    return time.monotonic() + _EPOCH_S


class Meter:
    """A count of what one process sends, and how late. Its memory does not grow, however long the load."""

    def __init__(self, in_flight_max: int | None, processes: int = 1) -> None:
        """`in_flight_max` is this process's, None in a closed loop; `processes` send the load together."""
        self.in_flight_max = in_flight_max
        self.processes = processes
        self.sent = self.not_sent = 0
        self.in_flight = self.in_flight_peak = 0
        self.cut_short = ""
        """Why it was ended before its time; nothing where it was not."""
        self._requests, self._ticks = Histogram(), Histogram()
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
            self._ticks.add_one(lateness_s)

    def leaves(self, lateness_s: float) -> None:
        """A request is sent, so long after it was meant to be."""
        self.sent += 1
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
        self._requests.add_one(lateness_s)

    def returns(self) -> None:
        """A request has ended, however it did."""
        self.in_flight -= 1

    def lateness_ms(self, share: float) -> float:
        """The lateness that at least this share of the ticks, and in an open loop of the requests, did not exceed.

        It has three digits, as milliseconds to 0.1. A late user of a closed loop is its answers' doing.
        """
        is_closed = self.in_flight_max is None
        counted = (self._ticks,) if is_closed else (self._ticks, self._requests)
        return round(max(one.percentile_s(share) for one in counted) * 1000, 1)

    def write(self, folder: Path, instance_id: str) -> None:
        """The file `generator-<instance_id>.json`, for `read_generator`; `instance_id` is this process's and this
        test's own."""
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
        (folder / f"generator-{instance_id}.json").write_text(json.dumps(record, indent=2) + "\n")
