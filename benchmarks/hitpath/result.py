"""The result of a comparison of the hit path."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """The counts of one server in one window."""

    server: str  # "service" or "bare"
    connections: int
    requests: int
    seconds: float
    cpu_s: float  # of the server's process, user and system
    p50_ms: float

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
class HitpathResult:
    """The result of a comparison, in which every answer was checked."""

    strategy: str
    body_bytes_max: int
    pairs: tuple[WindowPair, ...]
    alone: tuple[WindowPair, ...]  # at one connection, where there is nothing to batch
    statuses: dict[str, int]  # the service's answers by its own count, warm-up included

    @property
    def ratio(self) -> float:
        """The median ratio over the pairs."""
        return statistics.median(pair.ratio for pair in self.pairs)
