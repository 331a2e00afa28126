"""The generator's record of its retries: how many it sent, how late, and which it could not send."""

from typing import Any

from loadtest.figures.histogram import Histogram

RETRIES_WAITING_MAX = 50_000
"""Retries of one process that wait for their time at once; one beyond is not made, which spoils the run."""


class RetryMeter:
    """A count of the retries of one process, in constant memory."""

    def __init__(self) -> None:
        self.sent = 0
        self.waiting = self.waiting_peak = 0
        self.not_sent = 0
        """Retries that a bound of the generator stopped: too many waited, or were on their way."""
        self.unsent = 0
        """Retries that still waited for their time when the run ended."""
        self.lateness = Histogram()
        """Seconds from the moment at which each retry was due until it was sent."""

    @property
    def has_room(self) -> bool:
        """Whether one more may wait."""
        return self.waiting < RETRIES_WAITING_MAX

    def waits(self) -> None:
        """Record that a retry waits for its time."""
        self.waiting += 1
        self.waiting_peak = max(self.waiting_peak, self.waiting)

    def leaves(self, lateness_s: float) -> None:
        """Record that a waiting retry is sent, and its lateness."""
        self.waiting -= 1
        self.sent += 1
        self.lateness.add_one(lateness_s)

    def is_stopped(self) -> None:
        """Record that a bound stops a retry that has waited."""
        self.waiting -= 1
        self.not_sent += 1

    def is_left(self) -> None:
        """Record that the run ends before the time of a waiting retry."""
        self.waiting -= 1
        self.unsent += 1

    def figures(self) -> dict[str, Any]:
        """The fields of a generator's record that are about retries."""
        return {
            "retries": self.sent,
            "retries_not_sent": self.not_sent,
            "retries_unsent": self.unsent,
            "retries_waiting_peak": self.waiting_peak,
            "retries_lateness_p99_ms": round(self.lateness.percentile_s(0.99) * 1000, 1),
        }
