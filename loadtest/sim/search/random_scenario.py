"""Random scenarios drawn from a seed, in which any fault may occur at any time: the cases of `lab verify`."""

import math
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from app.strategy import Parameter, Strategy
from loadtest.sim.search.random_outage import with_outage
from loadtest.sim.search.random_wire import with_wire
from loadtest.workload import faults
from loadtest.workload.scenario import Scenario

FAULTS_MAX = 5
REQUESTS_MAX = 1_200
"""The most expected requests of a scenario, so that a run takes some tens of milliseconds."""
BUSY_SHARE = 0.4
"""The share of the worlds in which requests and loads take CPU."""
WARMED_SHARE = 0.2
"""The share of the worlds in which a warmer fills the cache beside the pods."""
BUSY_MAX = 1.1
"""The most that pods are asked for, in what they can do."""
SERVICE_US_MAX = 100_000
WRITTEN_SHARE = 0.15
"""The share of the worlds in which items are written."""
TOGETHER_S = 1.5
"""Seconds within which faults begin that come together."""
STEPS_S = (-3_600.0, -12.0, -0.5, 0.5, 12.0, 3_600.0)
"""The steps by which clocks are set, seconds."""
REFUSALS = ("BUSY", "NOPERM", "OOM", "READONLY")
"""The error replies that are drawn here; those that came later are drawn for the wire, see `random_wire`."""
_Draw = Callable[[Random, int], dict[str, Any]]


def random_scenario(seed: int, strategies: Iterable[type[Strategy]] = (), wire: bool = False) -> Scenario:
    """The scenario of a seed, the same for the same seed; with `wire` it is that over the wire, with its faults.

    Parameters of these strategies have streams of their own, so that a new strategy changes no other's scenarios.
    """
    rng = Random(f"{seed}/world")
    duration_s = round(rng.uniform(5, 20), 1)
    pods = rng.randint(1, 4)
    params = {strategy.name: _drawn_params(strategy, Random(f"{seed}/{strategy.name}")) for strategy in strategies}
    load = _load(rng, duration_s)
    world = {
        "name": f"seed-{seed}",
        "title": f"A world drawn from the seed {seed}",
        "duration_s": duration_s,
        "pods": pods,
        "load": load,
        "keys": _keys(rng),
        "cache": {"ttl_s": round(_stretched(rng, 0.2, 5), 2)},
        "origin": {
            "latency": _latency(rng, 5, 600),
            "connections": rng.choice([1, 2, 4, 16, 64]),
            "connections_shared": _shared(Random(f"{seed}/shared")),
        },
        "warm": {"keys": rng.choice(["none", "burst"])},
        "params": {name: drawn for name, drawn in params.items() if drawn},
        "faults": _faults(rng, pods, duration_s),
        "virtual": _virtual(rng),
        "writes": _writes(Random(f"{seed}/writes")),
    }
    world = _with_cpu(world, Random(f"{seed}/cpu"))
    world = _with_one_more(world, Random(f"{seed}/one more fault"))
    world = _with_warming(with_outage(world, seed), Random(f"{seed}/warming"))
    return Scenario.model_validate(with_wire(world, seed) if wire else world)


def shuffle_seed(seed: int) -> int | None:
    """The shuffle seed of an odd seed, where what is ready at the same moment runs in a drawn order; else None."""
    return seed if seed % 2 else None


def _load(rng: Random, duration_s: float) -> dict[str, Any]:
    rate = round(_stretched(rng, 5, REQUESTS_MAX / duration_s), 1)
    if rng.random() < 0.7:
        return {"loop": "open", "rate_per_s": rate, "arrivals": rng.choice(["poisson", "constant"])}
    users = rng.randint(1, 40)
    if rng.random() < 0.5:
        return {"loop": "closed", "users": users, "rate_per_s": rate}
    return {"loop": "closed", "users": users, "think_s": round(max(0.02, users / rate), 3)}


def _keys(rng: Random) -> dict[str, Any]:
    count = rng.randint(1, 5)
    if count > 1 and rng.random() < 0.3:
        return {"count": count, "hot_share": 0.9}
    return {"count": count, "zipf": 1.0} if rng.random() < 0.3 else {"count": count}


def _virtual(rng: Random) -> dict[str, Any]:
    virtual: dict[str, Any] = {"network": rng.choice(["fixed(0)", "fixed(0.25)", "uniform(0.1, 20)"])}
    if rng.random() < 0.6:
        virtual["redis"] = rng.choice(["fixed(1)", "uniform(0.2, 2)", "uniform(1, 40)", "uniform(5, 150)"])
    if rng.random() < 0.2:
        virtual["redis_entries_max"] = rng.randint(1, 4)
        virtual["redis_policy"] = rng.choice(["allkeys-lru", "noeviction"])
    return virtual


def _with_cpu(world: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The world with pods that are at times too busy to notice a reply in time; from a stream of its own."""
    if rng.random() > BUSY_SHARE:
        return world
    load, pods = world["load"], world["pods"]
    rate = load.get("rate_per_s") or load["users"] / load["think_s"]
    service_us = min(SERVICE_US_MAX, rng.uniform(0.1, BUSY_MAX) * pods / rate * 1e6)
    load_us = service_us * rng.choice([0, 1, 5])
    blocked = [
        {"kind": kind, "at_s": round(rng.uniform(0, world["duration_s"] - 0.1), 3)} | KINDS[kind](rng, pods)
        for kind in [_kind(faults.LoopBlocked)] * rng.randint(0, FAULTS_MAX - len(world["faults"]))
    ]
    busy = {"service_us": round(service_us), "load_us": round(load_us)}
    return world | {"virtual": world["virtual"] | busy, "faults": world["faults"] + blocked}


def _with_warming(world: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The world with warmers that have any plan; from a stream of its own."""
    if rng.random() > WARMED_SHARE:
        return world
    ttl, at_s = rng.choice(["same", "spread", "anchored", "until"]), round(rng.uniform(0, world["duration_s"] / 2), 2)
    until_s = at_s + world["cache"]["ttl_s"] * rng.uniform(0.1, 1)
    warming = {
        "at_s": at_s,
        "warmers": rng.randint(1, min(3, world["keys"]["count"])),
        "rate_per_s": rng.choice([1, 5, 50, 1_000]),
        "batch": rng.randint(1, 5),
        "pause_s": rng.choice([0.0, 0.3]),
        "ttl": ttl,
        "until_s": until_s if ttl == "until" else None,
        "rounds_max": rng.choice([1, 5, 50]),
    }
    return world | {"warming": warming}


def _latency(rng: Random, low_ms: float, high_ms: float) -> str:
    around_ms = round(_stretched(rng, low_ms, high_ms), 1)
    return rng.choice(
        [
            f"fixed({around_ms})",
            f"uniform({around_ms / 2:.1f}, {around_ms * 2:.1f})",
            f"lognormal({around_ms}, {rng.choice([0.3, 1.0])})",
        ]
    )


def _shared(rng: Random) -> int | None:
    """The connections that pods share, from a stream of their own, which leaves older draws as they were."""
    return rng.choice([1, 2, 3, 8]) if rng.random() < 0.25 else None


def _writes(rng: Random) -> dict[str, Any] | None:
    """Writes that pass the cache by or delete its entries, from a stream of their own.

    Not drawn is `write-through`, which promises nothing of what a command does that arrives late.
    """
    if rng.random() > WRITTEN_SHARE:
        return None
    return {"rate_per_s": round(_stretched(rng, 0.2, 6), 2), "invalidation": rng.choice(["none", "delete", "delete"])}


def _faults(rng: Random, pods: int, duration_s: float) -> list[dict[str, Any]]:
    """The faults of a scenario, half of them close together and in the same pod."""
    bad_s, bad_pod = rng.uniform(0, duration_s - 1), rng.randrange(pods)
    drawn = []
    for _ in range(rng.randint(0, FAULTS_MAX)):
        kind = rng.choice(DRAWN_ANYWHERE)
        fault = KINDS[kind](rng, pods)
        at_s = rng.uniform(0, duration_s - 0.1)
        if rng.random() < 0.5:
            at_s = min(bad_s + rng.uniform(0, TOGETHER_S), duration_s - 0.1)
            fault |= {"pod": bad_pod} if "pod" in fault else {}
        drawn.append({"kind": kind, "at_s": round(at_s, 3)} | fault)
    return drawn


def _with_one_more(world: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The world with one more fault at times, of a kind that came later; from a stream of its own."""
    if len(world["faults"]) >= FAULTS_MAX or rng.random() < 0.5:
        return world
    kind, at_s = rng.choice(DRAWN_BESIDE), round(rng.uniform(0, world["duration_s"] - 0.1), 3)
    return world | {"faults": [*world["faults"], {"kind": kind, "at_s": at_s} | KINDS[kind](rng, world["pods"])]}


def _room(rng: Random) -> dict[str, Any]:
    room = {"entries": rng.randint(0, 4)} if rng.random() < 0.5 else {"share": rng.choice([0.0, 0.5, 1.0])}
    return room | {"policy": rng.choice(["allkeys-lru", "noeviction"])}


def _departure(rng: Random) -> dict[str, Any]:
    return {"share": rng.choice([0.1, 0.5, 1.0]), "after_ms": round(_stretched(rng, 1, 1_000), 1)}


def _lasting(rng: Random, pods: int) -> dict[str, Any]:
    return {"for_s": round(_stretched(rng, 0.05, 6), 3)}


def _in_pod(rng: Random, pods: int) -> dict[str, Any]:
    return _lasting(rng, pods) | {"pod": rng.randrange(pods)}


def _with(draw: _Draw, name: str, value: Callable[[Random], Any]) -> _Draw:
    return lambda rng, pods: draw(rng, pods) | {name: value(rng)}


def _refusal(rng: Random) -> dict[str, Any]:
    """An error reply to every command that can have it, or to one of them."""
    error = rng.choice(REFUSALS)
    one = rng.choice(sorted(faults.REFUSED_BY[error] - {"delete"}))  # few worlds are written in
    return {"error": error, "commands": [one] if rng.random() < 0.5 else []}


def _kind(fault: type[Any]) -> str:
    return str(fault.model_fields["kind"].annotation.__args__[0])


KINDS: dict[str, _Draw] = {
    _kind(faults.CacheFlushed): lambda rng, pods: {},
    _kind(faults.CacheUnreachable): _with(_lasting, "empty", lambda rng: rng.random() < 0.5),
    _kind(faults.CacheSlow): _with(_lasting, "ms", lambda rng: round(_stretched(rng, 5, 1_000), 1)),
    _kind(faults.CachePaused): _lasting,
    _kind(faults.CacheRefuses): lambda rng, pods: _lasting(rng, pods) | _refusal(rng),
    _kind(faults.CacheResets): _with(_lasting, "share", lambda rng: rng.choice([0.1, 0.5, 1.0])),
    _kind(faults.CacheClockApart): _with(_lasting, "by_s", lambda rng: rng.choice(STEPS_S)),
    _kind(faults.ConnectionsDead): _with(_in_pod, "arrive", lambda rng: rng.random() < 0.5),
    _kind(faults.SubscriptionDead): _in_pod,
    _kind(faults.OriginFails): _with(_lasting, "share", lambda rng: rng.choice([0.1, 0.5, 1.0])),
    _kind(faults.OriginSlow): _with(_lasting, "times", lambda rng: round(_stretched(rng, 1.5, 30), 1)),
    _kind(faults.OriginHangs): _lasting,
    _kind(faults.PodKilled): _in_pod,
    _kind(faults.PodPaused): _in_pod,
    _kind(faults.ClockApart): _with(_in_pod, "by_s", lambda rng: rng.choice(STEPS_S)),
}
DRAWN_ANYWHERE = tuple(KINDS)
KINDS |= {
    _kind(faults.CacheSilent): _with(_lasting, "arrive", lambda rng: rng.random() < 0.5),
    _kind(faults.CacheFull): lambda rng, pods: _lasting(rng, pods) | _room(rng),
    _kind(faults.PodTerminated): _in_pod,
    _kind(faults.ClientsLeave): lambda rng, pods: _lasting(rng, pods) | _departure(rng),
}
DRAWN_BESIDE = tuple(kind for kind in KINDS if kind not in DRAWN_ANYWHERE)
"""The kinds that are drawn from a stream of their own, which leaves the draws of the others as they were."""
KINDS[_kind(faults.LoopBlocked)] = lambda rng, pods: {
    "for_s": round(_stretched(rng, 0.05, 2), 3),
    "pod": rng.randrange(pods),
}
"""The functions that draw the fields of a fault, by its kind."""


def _drawn_params(strategy: type[Strategy], rng: Random) -> dict[str, float | str]:
    return {name: _value(parameter, rng) for name, parameter in strategy.parameters().items() if rng.random() < 0.5}


def _value(parameter: Parameter, rng: Random) -> float | str:
    """A value within the parameter's bounds, most of the time near its default."""
    if parameter.choices:
        return rng.choice(parameter.choices)
    default = float(parameter.default)
    ends = [end for end in (parameter.low, parameter.high) if math.isfinite(end)]
    if ends and rng.random() < 0.2:
        return rng.choice(ends)
    reach = 2 * abs(default) or 1.0
    return round(rng.uniform(max(parameter.low, default - reach), min(parameter.high, default + reach)), 6)


def _stretched(rng: Random, low: float, high: float) -> float:
    """A number between the two, each order of magnitude as likely as the next."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))
