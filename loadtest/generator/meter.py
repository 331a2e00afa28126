"""The generator's own record: what a process sends, and how late."""

import json
import os
import time
from pathlib import Path

from loadtest.figures.histogram import Histogram
from loadtest.generator.retry_meter import RetryMeter

TICK_S = 0.02
"""The time between two looks of the ticker, seconds."""
_EPOCH_S = time.time() - time.monotonic()


def now_s() -> float:
    """Seconds since the epoch that never go backwards."""
    return time.monotonic() + _EPOCH_S


class Meter:
    """A count of what one process sends, and how late, in constant memory."""

    def __init__(self, in_flight_max: int | None, processes: int = 1) -> None:
        """Set up the meter: `in_flight_max` is this process's, None in a closed loop; `processes` share the load."""
        self.in_flight_max = in_flight_max
        self.processes = processes
        self.sent = self.not_sent = 0
        self.in_flight = self.in_flight_peak = 0
        self.cut_short = ""
        """The reason why the load was ended early; empty where it was not."""
        self.retries = RetryMeter()
        self._requests, self._ticks = Histogram(), Histogram()
        self.start()

    def start(self) -> None:
        """Note that the load begins now."""
        self._began_s, self._cpu_began_s = time.monotonic(), time.process_time()
        self._wall_s = self._cpu_s = 0.0

    def stop(self, cut_short: str = "") -> None:
        """Note that nothing more will be due; answers may still arrive."""
        if not self._wall_s:
            self.cut_short = cut_short
            self._wall_s = max(time.monotonic() - self._began_s, 1e-6)
            self._cpu_s = time.process_time() - self._cpu_began_s

    @property
    def is_stopped(self) -> bool:
        return self._wall_s > 0

    def ticks(self, lateness_s: float) -> None:
        """Record a tick and its lateness; none is skipped, so that late ticks are the share of late time."""
        if not self._wall_s:
            self._ticks.add_one(lateness_s)

    def leaves(self, lateness_s: float) -> None:
        """Record a request whose first attempt is sent, and its lateness."""
        self.sent += 1
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
        self._requests.add_one(lateness_s)

    def leaves_again(self, lateness_s: float) -> None:
        """Record a retry that is sent, and its lateness."""
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
        self.retries.leaves(lateness_s)

    def returns(self) -> None:
        """Record that an attempt has ended, with or without an answer; none is in flight while it waits for another."""
        self.in_flight -= 1

    def lateness_ms(self, share: float) -> float:
        """The lateness that at least this share of ticks, retries, and in an open loop requests did not exceed.

        It is exact to three digits. A user of a closed loop is late because answers were.
        """
        counted = [self._ticks, self.retries.lateness]
        if self.in_flight_max is not None:
            counted.append(self._requests)
        return round(max(one.percentile_s(share) for one in counted) * 1000, 1)

    def write(self, folder: Path, instance_id: str) -> None:
        """Write `generator-<instance_id>.json` for `read_generator`; the id is this process's and this test's own."""
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
            **self.retries.figures(),
        }
        (folder / f"generator-{instance_id}.json").write_text(json.dumps(record, indent=2) + "\n")
