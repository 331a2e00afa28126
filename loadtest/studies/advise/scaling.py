"""The part of a service that is simulated where the whole would take too long, and what that does to its figures."""

import math
from dataclasses import dataclass

import numpy as np

from loadtest.studies.advise.service import BadService, Service
from loadtest.studies.advise.situations import TTLS_STEADY, late_share, timeout_ms

COST_S_MAX = 3.0
"""CPU seconds that a run of the steady state may take, roughly."""
HIT_COST_S, MISS_COST_S = 2e-6, 2e-4
"""CPU seconds of a simulated hit and of a simulated load, roughly, on a slow core."""
LATE_SHARE_MIN = 1e-4
"""The share of late reads that is worth a word."""
DURATION_S_MAX = 3_500.0
LATENCIES_MIN, FILLS_MIN = 10.0, 4.0
"""The shortest TTL that may stand for a longer one: in latencies of the origin, and in times that its pool needs."""


@dataclass(frozen=True, slots=True)
class SimulatedService:
    """The service that is simulated in the place of another one."""

    service: Service
    parts: int = 1
    """One of so many equal parts of the keys, the rate and the pool is simulated; counts are of all."""
    ttl_factor: float = 1.0
    """The TTL that is stated, in TTLs that are simulated."""
    said: tuple[str, ...] = ()
    """The sentences that say so; none where the whole is simulated."""

    @property
    def ttl_s(self) -> float:
        """The TTL that is stated, for which candidates are chosen: their promises are kept in the service itself."""
        return round(self.service.ttl_s * self.ttl_factor, 6)

    @property
    def allowed_age_s(self) -> float:
        """The age that is allowed there."""
        return round(self.service.allowed_age_s + self.ttl_s - self.service.ttl_s, 6)


def loads_per_s(service: Service, ttl_s: float | None = None) -> float:
    """The fewest loads per second that keep every answer within a TTL: each key once per TTL and request gap."""
    rates = service.rate_per_s * service.popularity.shares()
    loads = float(np.sum(rates / (1 + rates * (ttl_s or service.ttl_s))))
    return loads + service.rate_per_s * service.absent_share  # absent ids are many, and remembered for a moment


def needed_connections(service: Service, ttl_s: float | None = None) -> float:
    """The connections that those loads hold on average: their rate times the origin's latency."""
    return loads_per_s(service, ttl_s) * service.latency.mean_ms / 1000


def simulated(service: Service) -> SimulatedService:
    """The service as it is simulated. Raises `BadService` where no part of it can be."""
    said: list[str] = []
    if service.allowed_age_s < service.ttl_s:
        said.append(
            f"A TTL of {service.ttl_s:g} s is longer than the age that is allowed: {service.allowed_age_s:g} s is the "
            "TTL of every figure here."
        )
        service = service.changed(ttl_s=service.allowed_age_s)
    if service.latency.mean_ms / 1000 >= service.ttl_s:
        said.append(
            f"A read of the origin takes {service.latency.mean_ms / 1000:g} s, and the TTL is {service.ttl_s:g} s: an "
            "entry is past its TTL as it arrives, with any strategy. Make the TTL several times as long first."
        )
    if (late := late_share(service)) > LATE_SHARE_MIN:
        said.append(
            f"{100 * late:.2g} % of the reads take longer than the time-out of {timeout_ms(service) / 1000:g} s, and "
            "fail with any strategy: as large a share of failures is allowed in the steady state."
        )
    parts = _parts(service)
    if parts > 1:
        said.append(
            f"One in {parts} keys was simulated, with as much of the rate and of the pool; counts are of all keys."
        )
        service = service.changed(
            keys=max(1, service.keys // parts),
            rate_per_s=service.rate_per_s / parts,
            pool=None if service.pool is None else max(1, round(service.pool / parts)),
        )
    ttl_s = service.ttl_s
    for _ in range(60):
        if _cost_s(service) <= COST_S_MAX and _longest_s(service) <= DURATION_S_MAX:
            break
        service = _with_ttl(service, service.ttl_s * 0.85)
    if service.ttl_s < ttl_s:
        factor = ttl_s / service.ttl_s
        _check(service, factor)
        said.append(
            f"The TTL was simulated as {service.ttl_s:.3g} s in the place of {ttl_s:g} s, with the age beyond it as it "
            f"is: expiries come {factor:.1f} times as often as they will. Herds and waits at an expiry are those of "
            "the service; reads/min of keys that are always in the cache are divided by that, and the pool is busier."
        )
        return SimulatedService(service, parts, factor, tuple(said))
    return SimulatedService(service, parts, 1.0, tuple(said))


def _with_ttl(service: Service, ttl_s: float) -> Service:
    """The service with another TTL, and as much age beyond it."""
    return service.changed(ttl_s=ttl_s, max_age_s=ttl_s + service.allowed_age_s - service.ttl_s)


def _parts(service: Service) -> int:
    """The parts that a service can be cut into: keys that are equally popular, and a pool that can be shared out."""
    if service.zipf is not None or service.shares:
        return 1
    most = min(service.keys, service.pool or service.keys)
    return max(1, min(most, math.floor(_cost_s(service) / COST_S_MAX)))


def _cost_s(service: Service) -> float:
    """The CPU seconds of the steady state's run, roughly."""
    seconds = TTLS_STEADY * service.ttl_s
    return seconds * (service.rate_per_s * HIT_COST_S + loads_per_s(service) * MISS_COST_S)


def _longest_s(service: Service) -> float:
    return (1 + TTLS_STEADY) * service.ttl_s


def _check(service: Service, factor: float) -> None:
    """Raises BadService where the TTL cannot stand for the longer one."""
    latency_s = service.latency.mean_ms / 1000
    whole_fill_s = service.keys / (service.pool or service.keys) * latency_s
    least_s = max(LATENCIES_MIN * latency_s, FILLS_MIN * whole_fill_s)
    if service.ttl_s < least_s:
        raise BadService(
            f"rate_per_s: {service.rate_per_s:,g} requests/s over a TTL of {factor * service.ttl_s:g} s are more than "
            f"can be simulated in minutes: state a part of the service, such as a tenth of keys, rate and pool"
        )
