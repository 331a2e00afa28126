"""The result of a comparison of the hit path."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

RATIOS_MIN = {1: 1.0, 64: 1.5, 256: 2.0}
"""The least median ratio of the service to the bare app, by connections: as measured, less a bad machine's noise."""


@dataclass(frozen=True, slots=True)
class Window:
    """The counts of one server in one window."""

    server: str  # "service" or "bare"
    connections: int
    requests: int
    seconds: float
    cpu_s: float  # of the server's process, user and system
    p50_ms: float
    errors: int = 0  # beside the requests; of the bare app alone, for the service must make none

    @property
    def per_cpu_second(self) -> float:
        """Requests per CPU second of the server's process."""
        return self.requests / self.cpu_s

    @property
    def per_second(self) -> float:
        """Requests per second of the window."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class WindowPair:
    """The service and the bare app, one right after the other."""

    service: Window
    bare: Window

    @property
    def ratio(self) -> float:
        """Requests per CPU second, service over bare: above 1 the whole service is the cheaper one."""
        return self.service.per_cpu_second / self.bare.per_cpu_second


@dataclass(frozen=True, slots=True)
class ScrapeTime:
    """The time of one `/metrics` at so many strategies."""

    strategies: int
    ms: float  # CPU time of the process, the least of several


@dataclass(frozen=True, slots=True)
class HitpathResult:
    """The result of a comparison, in which every answer of the service was checked."""

    strategy: str
    body_bytes_max: int
    pairs: dict[int, tuple[WindowPair, ...]]  # by connections
    statuses: dict[str, int]  # the service's answers by its own count, warm-up included

    def ratio(self, connections: int) -> float:
        """The median ratio over the pairs at so many connections."""
        return statistics.median(pair.ratio for pair in self.pairs[connections])

    @property
    def noise(self) -> float:
        """How far a window of the bare app was from the median of its like, as a share of that: the largest."""
        return max(map(_spread, self.pairs.values()))


def _spread(pairs: Sequence[WindowPair]) -> float:
    rates = [pair.bare.per_cpu_second for pair in pairs]
    middle = statistics.median(rates)
    return max(abs(rate - middle) for rate in rates) / middle
