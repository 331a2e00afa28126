"""Outages of random worlds: impatient clients, nets, an origin that slows down, absent ids and spikes of the load.

Everything is drawn from streams of its own, which leaves the draws of `random_scenario` as they were.
"""

import math
from collections.abc import Callable
from random import Random
from typing import Any

OUTAGE_SHARE = 0.4
"""The share of the worlds in which clients, nets, origin or load are those of an outage."""
MODEST_SHARE = 0.6
"""The share of these whose origin and Redis are quick, so that it can be told whether they come back."""
CALM_FROM_SHARE = 0.3
"""The share of a modest world's time in which its faults begin: the rest is for coming back."""
FAULT_S_MAX = 1.5
"""The longest fault of a modest world, seconds."""
ALL_NETS_SHARE = 0.15
ONE_NET_SHARE = 0.4
"""The shares of the outages in which all nets are set together, and in which one of them is alone."""
CLOCKS = ("clock-apart", "cache-clock-apart")
World = dict[str, Any]


def with_outage(world: World, seed: int) -> World:
    """The world of that seed, which in `OUTAGE_SHARE` of the cases is one of an outage."""
    rng = Random(f"{seed}/outage")
    if rng.random() > OUTAGE_SHARE:
        return world
    if rng.random() < MODEST_SHARE:
        world = _modest(world, rng)
    origin: World = {"timeout_ms": round(_stretched(rng, 300, 5_000))} if rng.random() < 0.6 else {}
    if rng.random() < 0.4:
        slowdown = {"knee": rng.randint(0, 16), "per_read": round(_stretched(rng, 0.02, 1), 3)}
        origin["slowdown"] = slowdown | {"times_max": round(rng.uniform(1.5, 6), 1)}
    absent: World = {"absent_share": round(rng.uniform(0.05, 0.9), 2)} if rng.random() < 0.3 else {}
    if absent and rng.random() < 0.5:
        absent["absent_count"] = rng.choice([1, 3, 100])
    return world | {
        "client": _client(Random(f"{seed}/client")),
        "nets": _nets(Random(f"{seed}/nets")),
        "origin": world["origin"] | origin,
        "keys": world["keys"] | absent,
        "load": _with_spike(world["load"], world["duration_s"], rng),
    }


def _modest(world: World, rng: Random) -> World:
    """The world with a quick origin and Redis, and with all that happens early and not for long."""
    duration_s = round(rng.uniform(12, 20), 1)
    faults = []
    for fault in world["faults"]:
        if fault["kind"] in CLOCKS:
            continue  # what they have dated is wrong for longer than the run
        early = {"at_s": round(fault["at_s"] % (CALM_FROM_SHARE * duration_s), 3)}
        if "for_s" in fault:
            early["for_s"] = min(fault["for_s"], FAULT_S_MAX)
        faults.append(fault | early)
    load = world["load"]
    if load.get("rate_per_s"):
        share = world["duration_s"] / duration_s * rng.choice([0.2, 1.0])
        load = load | {"rate_per_s": round(load["rate_per_s"] * share, 1)}
    origin = {"latency": rng.choice(["fixed(10)", "fixed(40)", "uniform(5, 60)"])}
    virtual = {"network": "fixed(0.25)", "redis": rng.choice(["fixed(0)", "fixed(1)", "uniform(0.2, 2)"])}
    return world | {
        "duration_s": duration_s,
        "faults": faults,
        "load": load,
        "cache": {"ttl_s": round(_stretched(rng, 0.5, 5), 2)},
        "origin": world["origin"] | origin | {"connections": rng.choice([4, 16, 64]), "connections_shared": None},
        "virtual": virtual,
    }


def _with_spike(load: World, duration_s: float, rng: Random) -> World:
    """The load with a spike of its rate at times, as a shape or as a phase."""
    if load["loop"] == "closed" or rng.random() < 0.5:
        return load
    at_s, for_s = round(rng.uniform(0.1, CALM_FROM_SHARE) * duration_s, 2), round(_stretched(rng, 0.1, 1.5), 2)
    times = round(rng.uniform(2, 8), 1)
    if rng.random() < 0.5:
        return load | {"shape": {"kind": "spike", "at_s": at_s, "for_s": for_s, "to_share": times}}
    before = {"for_s": at_s, "rate_share": rng.choice([0.5, 1.0])}
    return load | {"phases": [before, {"for_s": for_s, "rate_share": times, "trigger": True}]}


def _client(rng: Random) -> World:
    """The clients: patient ones at times, else with a time-out, retries, or both."""
    client: World = {}
    if rng.random() < 0.7:
        client["timeout_s"] = round(_stretched(rng, 0.05, 1) * rng.choice([1, 5]), 3)
    if rng.random() < 0.7:
        backoff = rng.choice(["fixed", "exponential"])
        jitters = ["none", "full", "equal"] + (["decorrelated"] if backoff == "exponential" else [])
        base_s = round(_stretched(rng, 0.01, 0.5), 3)
        client |= {"retries": rng.randint(1, 4), "backoff": backoff, "base_s": base_s, "jitter": rng.choice(jitters)}
        client["cap_s"] = round(base_s * rng.choice([1, 2, 8]), 3)
        client["budget"] = rng.choice([None, 0.0, 0.1, 0.5])
    return client


def _nets(rng: Random) -> World:
    """The nets: none, one alone, some, or all together."""
    kind = rng.random()
    names = [*NETS]
    if kind < ALL_NETS_SHARE:
        drawn = names
    elif kind < ALL_NETS_SHARE + ONE_NET_SHARE:
        drawn = [rng.choice(names)]
    else:
        drawn = [name for name in names if rng.random() < 0.35]
    nets = {name: NETS[name](rng) for name in drawn}
    if "soft_timeout_ms" in nets and "hard_timeout_ms" in nets:
        nets["soft_timeout_ms"] = min(nets["soft_timeout_ms"], nets["hard_timeout_ms"])
    return nets


def _breaker(rng: Random) -> World:
    open_s = round(_stretched(rng, 0.05, 2), 2)
    return {
        "failures_share": rng.choice([0.1, 0.5, 1.0]),
        "loads_min": rng.choice([1, 3, 10]),
        "window_s": rng.choice([0.5, 2.0, 10.0]),
        "open_s": open_s,
        "open_s_max": rng.choice([None, round(4 * open_s, 2)]),
        "probes": rng.choice([1, 3]),
    }


def _limit(rng: Random) -> World:
    least = rng.choice([1, 2, 16, 200])
    return {
        "kind": rng.choice(["aimd", "gradient"]),
        "least": least,
        "initial": least * rng.choice([1, 4]),
        "most": least * 8,
        "slow_ms": round(_stretched(rng, 20, 1_000)),
    }


NETS: dict[str, Callable[[Random], Any]] = {
    "failure_mark_ms": lambda rng: rng.choice([0.0, 20.0, 500.0, 2_000.0]),
    "stale_if_error_s": lambda rng: round(_stretched(rng, 0.2, 20), 2),
    "breaker": _breaker,
    "queue_max": lambda rng: rng.choice([0, 1, 8, 300]),
    "limit": _limit,
    "rate_limit_per_s": lambda rng: round(_stretched(rng, 2, 1_000), 1),
    "rate_limit_per_client_per_s": lambda rng: round(_stretched(rng, 0.5, 50), 1),
    "soft_timeout_ms": lambda rng: round(_stretched(rng, 10, 1_000)),
    "hard_timeout_ms": lambda rng: round(_stretched(rng, 20, 500) * rng.choice([1, 5])),
}
"""The functions that draw the settings of the nets, by their names."""


def _stretched(rng: Random, low: float, high: float) -> float:
    """A number between the two, each order of magnitude as likely as the next."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))
