"""A service made small enough for one machine and for CI: the same herd on every key, with fewer keys and shorter TTLs.

Rate, keys and the pool shrink together, so that each key is asked for as often, and the origin takes as long. Where
the TTL shrinks, settings in seconds do too, and the pool grows by as much as reads come sooner.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.strategy import Strategy
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import CONNECTIONS_OF_A_POD
from loadtest.workload.scenario import Scenario

RATE_MAX, PODS_MAX = 300.0, 8
"""The highest rate in requests per second and the most pods, which two cores can serve honestly."""
LASTS_S = 30.0
TTLS = 3.0
"""The TTLs of a run, so that every popular key expires twice."""
TTL_LATENCIES_MIN = 5.0
"""The shortest TTL, in mean latencies of the origin, in which an entry is still fresh for most of the time."""


@dataclass(frozen=True, slots=True)
class SmallService:
    """The small scenario, the factors it was made by, and what was changed in sentences."""

    scenario: Scenario
    time_factor: float
    """The factor of the TTL and of the ages; 1 where they are as they were."""
    changes: tuple[str, ...]

    def with_strategy(self, strategy: type[Strategy], parameters: Mapping[str, float | str]) -> Scenario:
        """The scenario with a strategy's parameters, those in seconds by the factor of the TTL."""
        return self.scenario.with_params(strategy.name, scaled(strategy, parameters, self.time_factor))


def small(service: Service, rate_per_s: float | None = None, lasts_s: float = LASTS_S) -> SmallService:
    """The service at a rate that one machine serves, for so many seconds from an empty cache on."""
    rate = min(service.rate_per_s, rate_per_s or RATE_MAX)
    by_rate = rate / service.rate_per_s
    least_s = TTL_LATENCIES_MIN * service.latency.mean_ms / 1000
    ttl_s = min(service.ttl_s, max(least_s, lasts_s / TTLS))
    by_time = ttl_s / service.ttl_s
    keys, pods = max(2, round(service.keys * by_rate)), min(service.pods, PODS_MAX)
    pool = None if service.pool is None else max(1, math.ceil(service.pool * by_rate / by_time))
    made = service.changed(
        rate_per_s=rate, keys=keys, pods=pods, ttl_s=round(ttl_s, 3), pool=pool, shares=_fewer(service, keys)
    )
    table: dict[str, Any] = {
        "name": "service",
        "title": f"{keys:,} keys at {rate:,g} requests/s, made from {service.keys:,} at {service.rate_per_s:,g}",
        "source": "lab advise",
        "duration_s": max(lasts_s, math.ceil(TTLS * ttl_s)),
        "pods": pods,
        "load": {"loop": "open", "rate_per_s": rate},
        "keys": made.popularity.model_dump(),
        "cache": {"ttl_s": made.ttl_s},
        "origin": {
            "latency": made.origin,
            "connections": min(CONNECTIONS_OF_A_POD, 64),
            "connections_shared": pool,
            "timeout_ms": max(5_000.0, 4 * service.latency.mean_ms),
        },
        "payload": {"bytes": service.payload},
    }
    return SmallService(Scenario.model_validate(table), by_time, tuple(_told(service, made, by_time)))


def scaled(strategy: type[Strategy], parameters: Mapping[str, float | str], factor: float) -> dict[str, float | str]:
    """The parameters of a strategy, with those in seconds by that factor, within their bounds."""
    declared, found = strategy.parameters(), dict(parameters)
    for name, value in strategy.checked_params(parameters).items():
        if factor != 1 and name.endswith("_s") and isinstance(value, float):
            one = declared[name]
            found[name] = round(min(one.high, max(one.low, value * factor)), 3)
    return found


def _fewer(service: Service, keys: int) -> tuple[float, ...]:
    """The measured shares for fewer keys: each stands for as many neighbours as there are fewer keys."""
    if not service.shares or keys >= len(service.shares):
        return service.shares
    step = len(service.shares) / keys
    picked = [service.shares[min(len(service.shares) - 1, int(number * step))] for number in range(keys)]
    total = sum(picked)
    return tuple(math.floor(one / total * 1e9) / 1e9 for one in picked[:-1])


def _told(service: Service, made: Service, by_time: float) -> list[str]:
    """The numbers that were changed, in sentences."""
    told = []
    if made.rate_per_s < service.rate_per_s:
        told.append(
            f"{made.rate_per_s:,g} of {service.rate_per_s:,g} requests/s, for {made.keys:,} of {service.keys:,} keys: "
            "each key is asked for about as often, so that its herd is as large."
        )
    if by_time < 1:
        told.append(
            f"TTL {made.ttl_s:g} s in the place of {service.ttl_s:g} s, and settings in seconds by the same factor: "
            "expiries come sooner, the herd at each is the same, ages are smaller by that factor."
        )
    if made.pool != service.pool:
        told.append(f"{made.pool:,} shared connections in the place of {service.pool:,}: as busy as with all keys.")
    if made.pods < service.pods:
        told.append(f"{made.pods} pods in the place of {service.pods}.")
    return told
