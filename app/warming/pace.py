"""The pace of loads: a rate that is kept in every second that one may look at, by even distances."""

MARGIN = 0.01
"""The share by which loads are further apart than the rate demands.

The ledger's clock is Redis's, and pods follow it with small steps. Without the margin one could make a second too full
by a load.
"""


class Pace:
    """A rate limit by distance, not by count: at most `rate_per_s` turns in any second, wherever that begins.

    A turn that comes late makes none up: the next one counts from it.
    """

    def __init__(self, rate_per_s: int) -> None:
        self._apart_s = (1 + MARGIN) / rate_per_s
        self._next_s: float | None = None

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next turn, on the caller's monotonic clock; 0 where it may be taken now."""
        return 0.0 if self._next_s is None else max(0.0, self._next_s - now_s)

    def take(self, now_s: float) -> None:
        """Take the turn of this moment. Raises ValueError where it has not come."""
        if self.wait_s(now_s):
            raise ValueError(f"the next turn comes in {self.wait_s(now_s):g} s")
        self._next_s = now_s + self._apart_s
