"""The four situations that a service is simulated in, as scenarios that `lab sim` runs too.

- cold start: the whole load from the first moment on, and an empty cache, as after a restart of Redis.
- steady state: a TTL of the whole load, on a cache that was filled before, with its expiries spread over a TTL.
- deploy: the pods are replaced one after the other under the whole load.
- outage: every read of the origin fails for a while, and the cache is there with what it has.

A cache that is lost is no part of the outage: it comes back empty, and that is the cold start.
"""

import math
from enum import StrEnum
from typing import Any, NamedTuple

from app.warming.warmer import AGAIN_S
from loadtest.studies.advise.service import Service
from loadtest.workload.scenario import Scenario


class Situation(StrEnum):
    """The situations of a service, in the order in which they are told."""

    COLD = "cold start"
    STEADY = "steady state"
    DEPLOY = "deploy"
    OUTAGE = "outage"


CONNECTIONS_OF_A_POD = 256
"""Connections of each pod, the most that there may be: the shared pool is what bounds."""
IN_FLIGHT_MAX = 1_000_000
TIMEOUT_MS = 5_000.0
"""The time-out of a load, queueing included, and with it the longest wait; more for a slow origin."""
TIMEOUT_LATENCIES = 4.0
"""The least time-out of a load, in mean latencies of the origin."""
POOL_FOR_WARMING = 0.8
"""The share of the pool that fills the cache before the load comes."""
WARMED_PER_S_MAX = 5_000
"""The most keys per second that are loaded for it, where the pool bounds nothing."""
TTLS_WARMED = 0.4
"""The longest that this may take, in TTLs: what was loaded first is still fresh then."""
ROUND_AGAIN_MAX = 0.5
"""The longest that a second round may take, in times of the first; otherwise as much expires during it."""
TTLS_SETTLING = 0.5
"""The longest that the pool may need, once the load has come, for what the filling did not bring, in TTLs."""
SPREAD = 0.98
"""The part of a TTL over which the warm entries expire: as in a service that has run for long."""
BATCH_MAX = 10_000
TTLS_STEADY = 1.0
"""The TTLs of the steady state that are looked at.

The warm entries expire over one, each of them once. Every second of it is like the next, so that a seed more tells more
than a TTL more.
"""
STEADY_S_MIN, LONGEST_S = 10.0, 3_000.0
REQUESTS_STEADY = 1_000
"""The requests that a steady state has at least, where that takes `LONGEST_S` or less: shares of fewer say little."""
SETTLE_S = 5.0
"""Seconds of the steady state before the first fault."""
FAILED_STEADY_MAX = 0.001
"""The largest share of failed requests of a steady state that is allowed, where no read is late by itself."""
OUTAGE_S = 20.0
"""How long the origin fails, seconds."""
RECOVERY_S = 15.0
"""Seconds after a fault in which the service can show that it comes back."""
RECOVERY_LATENCIES = 5.0
"""The least time for that, in mean latencies of the origin."""
DEPLOY_S_MAX, POD_AWAY_S = 30.0, 2.0
"""The longest deploy, and how long a pod is away in it, seconds."""
PODS_REPLACED_MAX = 16
"""The most pods of a deploy that are replaced; of more, as many show it."""


class Staged(NamedTuple):
    """A situation as a scenario, and the second from which on it counts."""

    scenario: Scenario
    begin_s: float


def staged(service: Service, situation: Situation, nets: dict[str, Any] | None = None) -> Staged:
    """The scenario of a situation; what comes before its `begin_s` only fills the cache."""
    lead_s = 0.0 if situation is Situation.COLD else lead_in_s(service)
    begin_s = lead_s if situation is Situation.COLD else lead_s + settling_s(service)
    window_s, faults = _window(service, situation, begin_s)
    table: dict[str, Any] = {
        "name": f"advise-{situation.replace(' ', '-')}",
        "title": f"{service.keys:,} keys at {service.rate_per_s:,g} requests/s: {situation}",
        "source": "lab advise",
        "duration_s": round(begin_s + window_s, 3),
        "pods": service.pods,
        "load": {"loop": "open", "rate_per_s": service.rate_per_s, "in_flight_max": IN_FLIGHT_MAX},
        "keys": service.popularity.model_dump(),
        "cache": {"ttl_s": service.ttl_s},
        "origin": {
            "latency": service.origin,
            "connections": CONNECTIONS_OF_A_POD,
            "connections_shared": service.pool,
            "timeout_ms": timeout_ms(service),
        },
        "payload": {"bytes": service.payload},
        "faults": faults,
        "nets": nets or {},
    }
    if lead_s:
        table["load"]["phases"] = [{"for_s": lead_s, "rate_share": 0.0}]
        table["warming"] = warming_of(service)
    return Staged(Scenario.model_validate(table), begin_s)


def timeout_ms(service: Service) -> float:
    """The time-out of a load."""
    return max(TIMEOUT_MS, TIMEOUT_LATENCIES * service.latency.mean_ms)


def late_share(service: Service) -> float:
    """The share of the reads that take longer than the time-out: those fail with any strategy."""
    return 1 - service.latency.cdf(timeout_ms(service))


def failed_steady_max(service: Service) -> float:
    """The largest share of failed requests of a steady state that is allowed: so few, and those of late reads."""
    return FAILED_STEADY_MAX + late_share(service)


class _Filling(NamedTuple):
    """How the cache is filled before the load comes."""

    rate_per_s: int
    keys: int
    rounds: int
    """A second round brings what has expired during the first, where it is much shorter."""
    lasts_s: float
    cold: float
    """The keys, about, that are not there at its end: left out, or expired since."""
    hit_ratio: float
    """The share of the keys that ends it: between what is there after the first round and after the second."""


def _filling(service: Service) -> _Filling:
    mean_s = service.latency.mean_ms / 1000
    of_pool = WARMED_PER_S_MAX if service.pool is None else POOL_FOR_WARMING * service.pool / mean_s
    rate_per_s = max(1, math.floor(min(of_pool, WARMED_PER_S_MAX)))
    keys = min(service.keys, max(1, math.floor(rate_per_s * TTLS_WARMED * service.ttl_s)))
    lasts_s, expire_s = keys / rate_per_s, SPREAD * service.ttl_s
    expired = keys * lasts_s / 2 / expire_s  # entries are half of that time old, on average
    again_s = AGAIN_S + expired / rate_per_s + 2 * mean_s
    if again_s > lasts_s * ROUND_AGAIN_MAX:
        return _Filling(rate_per_s, keys, 1, lasts_s + 2 * mean_s, service.keys - keys + expired, 0.0)
    expired_again = keys * again_s / expire_s
    hit_ratio = round(1 - (expired + expired_again) / 2 / keys, 4)
    return _Filling(rate_per_s, keys, 2, lasts_s + again_s + 2 * mean_s, service.keys - keys + expired_again, hit_ratio)


def lead_in_s(service: Service) -> float:
    """The seconds before the load in which the cache is filled."""
    return round(_filling(service).lasts_s + 0.1, 3)


def settling_s(service: Service) -> float:
    """The seconds of load before a situation counts, in which is loaded what the filling did not bring.

    All that comes in the same second then, as in no service that has run for long.
    """
    mean_s = service.latency.mean_ms / 1000
    rounds = 0.0 if service.pool is None else _filling(service).cold / service.pool
    return round(2 * mean_s + min(rounds * mean_s, TTLS_SETTLING * service.ttl_s), 3)


def warming_of(service: Service) -> dict[str, Any]:
    """The `[warming]` table that fills the cache with what is asked for most, as far as the pool lets it."""
    filling = _filling(service)
    return {
        "rate_per_s": filling.rate_per_s,
        "batch": min(filling.keys, BATCH_MAX),
        "ttl": "spread",
        "spread": SPREAD,
        "keys": filling.keys,
        "hit_ratio": filling.hit_ratio,
        "rounds_max": filling.rounds,
    }


def fill_s(service: Service) -> float:
    """The seconds that the pool needs to read every key once; a latency where the pool is not known."""
    latency_s = service.latency.mean_ms / 1000
    rounds = 1.0 if service.pool is None else max(1.0, service.keys / service.pool)
    return min(rounds * latency_s, service.ttl_s)


def _window(service: Service, situation: Situation, begin_s: float) -> tuple[float, list[dict[str, Any]]]:
    """The seconds that count, and the faults in them by their second of the whole run."""
    mean_s = service.latency.mean_ms / 1000
    if situation is Situation.COLD:
        return min(max(8.0, 1.5 * fill_s(service) + TIMEOUT_MS / 1000 + 2 * mean_s), 60.0), []
    if situation is Situation.STEADY:
        requests_s = min(REQUESTS_STEADY / service.rate_per_s, LONGEST_S)
        # not longer: what was loaded while it settled expires together after a TTL
        return max(TTLS_STEADY * service.ttl_s - settling_s(service), STEADY_S_MIN, requests_s), []
    first_s = begin_s + SETTLE_S
    if situation is Situation.DEPLOY:
        pods = min(service.pods, PODS_REPLACED_MAX)
        step_s = min(POD_AWAY_S + 0.5, DEPLOY_S_MAX / pods)
        faults = [
            {"kind": "pod-terminated", "pod": pod, "at_s": round(first_s + pod * step_s, 3), "for_s": POD_AWAY_S}
            for pod in range(pods)
        ]
        return SETTLE_S + pods * step_s + POD_AWAY_S + RECOVERY_S / 2, faults
    faults = [{"kind": "origin-fails", "at_s": round(first_s, 3), "for_s": OUTAGE_S}]
    return SETTLE_S + OUTAGE_S + max(RECOVERY_S, RECOVERY_LATENCIES * mean_s), faults
