"""Random worlds over the wire: those of the same seeds, with faults that only bytes and connections can have.

Everything is drawn from a stream of its own, so that a seed's world over the wire is the world of that seed and more.
"""

import math
from random import Random
from typing import Any

WIRE_FAULTS_MAX = 3
"""The most faults of the wire in one world."""
KINDS = ("cache-sliced", "cache-reads-slowly", "cache-refuses", "connections-lost", "foreign-message")
AGAIN_SHARE = 0.5
"""The share of these that come right after another fault: a connection that is made anew meets the next trouble."""
AGAIN_S = 0.5
"""Seconds within which such a fault follows."""
World = dict[str, Any]


def with_wire(world: World, seed: int) -> World:
    """The world over the wire, with up to `WIRE_FAULTS_MAX` of its faults."""
    rng = Random(f"{seed}/wire")
    drawn: list[World] = []
    for _ in range(rng.randint(0, WIRE_FAULTS_MAX)):
        others = [*world["faults"], *drawn]
        at_s = rng.uniform(0, world["duration_s"] - 0.1)
        if others and rng.random() < AGAIN_SHARE:
            at_s = min(rng.choice(others)["at_s"] + rng.uniform(0, AGAIN_S), at_s)
        drawn.append({"at_s": round(at_s, 3)} | _fault(rng, world["pods"]))
    return world | {"faults": world["faults"] + drawn, "virtual": world["virtual"] | {"wire": True}}


def _fault(rng: Random, pods: int) -> World:
    for_s = round(math.exp(rng.uniform(math.log(0.05), math.log(1.5))), 3)
    more: World
    match kind := rng.choice(KINDS):
        case "cache-sliced":
            more = {"for_s": for_s, "bytes": rng.choice([1, 7, 64]), "ms": rng.choice([0.0, 0.1, 1.0])}
        case "cache-reads-slowly":
            more = {"for_s": for_s, "bytes_per_s": rng.choice([200.0, 5_000.0, 100_000.0])}
        case "cache-refuses":
            more = {"for_s": for_s, "error": rng.choice(["LOADING", "MOVED"])}
        case "connections-lost":
            more = {"pod": rng.randrange(pods), "resets": rng.random() < 0.5}
        case _:
            more = {}
    return {"kind": kind} | more
