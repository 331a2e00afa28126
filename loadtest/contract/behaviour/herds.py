"""Herds: the readers who load at a cold start, at each expiry, and while a load takes far longer than usual."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.contract.behaviour.bench import PODS, ProbeBench, ProbeReply, counted
from loadtest.contract.behaviour.finding import Protection
from loadtest.contract.behaviour.origin import LoadFate, ProbedLoad
from loadtest.contract.behaviour.probe import Answered

EXPIRIES = 6
HERD = 30
"""Readers at a cold start, over all pods."""
RATE_PER_S = 80.0
SLOW_RATE_PER_S = 1.0
SOME_SHARE = 0.5
"""The share of the readers who asked meanwhile from which on the loads are those of every reader."""


@dataclass(frozen=True, slots=True)
class Stampede:
    """The loads of one key that belong together: each began before the first of them had ended."""

    loads: int
    readers: int
    """Requests that waited or came while the first load was under way, its own included."""

    @property
    def protection(self) -> Protection:
        if self.loads <= 1:
            return Protection.ONE
        if self.loads <= PODS:
            return Protection.ONE_PER_POD
        return Protection.EVERY if self.loads >= SOME_SHARE * self.readers else Protection.SOME


def stampedes(loads: Sequence[ProbedLoad], replies: Sequence[ProbeReply]) -> list[Stampede]:
    """The stampedes among the loads of one key, whose requests are given."""
    groups: list[list[ProbedLoad]] = []
    for load in sorted(loads, key=lambda load: load.began_s):
        if groups and load.began_s < _end_s(groups[-1][0]):
            groups[-1].append(load)
        else:
            groups.append([load])
    return [
        Stampede(
            len(group), sum(one.asked_s < _end_s(group[0]) and one.answered_s >= group[0].began_s for one in replies)
        )
        for group in groups
    ]


def protection_of(found: Sequence[Stampede]) -> Protection:
    """The class of the largest of them."""
    return max(found, key=lambda one: one.loads).protection if found else Protection.UNKNOWN


async def loads_per_expiry(bench: ProbeBench) -> Answered:
    """Count the loads of one key at a cold start and over several expiries, with readers who keep coming."""
    scale = bench.scale
    first = await bench.herd(HERD, "k0")
    replies = first + await bench.traffic(EXPIRIES * (scale.ttl_s + scale.load_s), RATE_PER_S)
    cold, *later = stampedes(bench.origin.loads, replies)
    found = protection_of(later)
    numbers: dict[str, float | None] = {
        "cold_loads": cold.loads,
        "cold_readers": cold.readers,
        "expiries": len(later),
        "loads_mean": _mean([one.loads for one in later]),
        "loads_max": max((one.loads for one in later), default=None),
        "readers_mean": _mean([one.readers for one in later]),
        "errors": sum(not one.is_right for one in replies),
    }
    at_cold_start = f"At a cold start {cold.loads} of {cold.readers} readers loaded"
    if not later:
        return Answered(None, f"{at_cold_start}; no entry expired in {scale.ttl_s * EXPIRIES:g} s.", found, numbers)
    mean, most = numbers["loads_mean"], numbers["loads_max"]
    at_expiries = (
        f"at each of {len(later)} expiries {mean:.3g} of {numbers['readers_mean']:.3g} readers on average, "
        f"and {most} at most: {found}"
    )
    return Answered(None, f"{at_cold_start}, {at_expiries}.", found, numbers)


async def long_load(bench: ProbeBench) -> Answered:
    """Count the loads of one key while its load takes far longer than usual, past the lease of a lock."""
    takes_s = bench.scale.long_load_s
    bench.origin.fate = lambda _: LoadFate(takes_s)
    replies = await bench.traffic(takes_s, SLOW_RATE_PER_S)
    found = stampedes(bench.origin.loads, replies)[0]
    failed = sum(not one.is_right for one in replies)
    longest_s = max(one.took_s for one in replies)
    numbers = {"loads": found.loads, "readers": found.readers, "errors": failed, "longest_s": longest_s}
    return Answered(
        None,
        f"While a load took {takes_s:g} s, {found.loads} of {found.readers} readers loaded; "
        f"{failed} got an error, and the longest wait was {longest_s:.1f} s.",
        counted(found.loads, "load"),
        numbers,
    )


def _end_s(load: ProbedLoad) -> float:
    return math.inf if load.ended_s is None else load.ended_s


def _mean(counts: Sequence[int]) -> float | None:
    return sum(counts) / len(counts) if counts else None
