"""The search for cases in which an invariant does not hold: many seeds, every strategy, all cores."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.sim.cluster.simulate import rare_collections
from loadtest.sim.cluster.violation import Invariant
from loadtest.sim.pool import local_workers
from loadtest.sim.search.case import HOLDS_THE_LOOP, Finding, check_seed
from loadtest.sim.search.shrink import shrink

SEEDS_AT_ONCE = 5
"""The seeds that a worker takes at once: few, so that all workers are busy to the end."""
WIRE_EVERY = 100
"""The seeds of which one is checked over the wire, too: such a run takes several times as long."""
Strategies = Mapping[str, type[Strategy]]


class Depths(StrEnum):
    """The depths of virtual time at which seeds are checked."""

    MOSTLY_SEAM = "each seed with the simulated cache, and each hundredth over the wire, too"
    WIRE = "each seed over the wire"

    def of(self, seed: int) -> Iterator[bool]:
        """Whether the seed's cases are over the wire, for each of them."""
        if self is not Depths.WIRE:
            yield False
        if self is Depths.WIRE or seed % WIRE_EVERY == 0:
            yield True


@dataclass(frozen=True, slots=True)
class ShrunkFinding:
    """The finding of the smallest seed, shrunk, and how many seeds broke the same invariant of the same strategy."""

    smallest: Finding
    shrunk: Finding
    seeds: int


def check(
    strategies: Strategies,
    seeds: range,
    workers: int,
    checked: Callable[[int], None],
    depths: Depths = Depths.MOSTLY_SEAM,
) -> list[ShrunkFinding]:
    """Check every seed with every strategy; `checked` receives the number of runs that are done.

    Findings are in order of strategy and seed. A strategy that once holds the loop is not checked further. One worker
    is this process itself, more are processes of their own.
    """
    if workers == 1:
        return _gather(strategies, _check_here(_chunks(strategies, seeds, depths)), checked, shrink)
    with local_workers(workers) as executor:
        chunks = _chunks(strategies, seeds, depths)
        return _gather(strategies, _check_by(executor, chunks), checked, _shrink_by(executor))


class _Chunk(NamedTuple):
    strategy: type[Strategy]
    cases: list[tuple[int, bool]]
    """The seeds, and whether over the wire."""


def runs_of(seeds: range, depths: Depths) -> int:
    """The number of runs that a strategy is checked in."""
    return sum(1 for seed in seeds for _ in depths.of(seed))


def _chunks(strategies: Strategies, seeds: range, depths: Depths) -> list[_Chunk]:
    starts = range(0, len(seeds), SEEDS_AT_ONCE)
    return [
        _Chunk(strategy, [(seed, wire) for seed in seeds[start : start + SEEDS_AT_ONCE] for wire in depths.of(seed)])
        for start in starts
        for strategy in strategies.values()
    ]


def _check_chunk(strategy: type[Strategy], cases: list[tuple[int, bool]]) -> list[Finding]:
    found: list[Finding] = []
    with rare_collections():
        for seed, wire in cases:
            if (finding := check_seed(strategy, seed, wire)) is not None:
                found.append(finding)
                if _holds_the_loop(finding):
                    break
    return found


def _holds_the_loop(finding: Finding) -> bool:
    return finding.violation.invariant == HOLDS_THE_LOOP


def _check_here(chunks: list[_Chunk]) -> Iterator[tuple[int, list[Finding]]]:
    hopeless: set[type[Strategy]] = set()
    for chunk in chunks:
        if chunk.strategy not in hopeless:
            found = _check_chunk(*chunk)
            yield len(chunk.cases), found
            if any(map(_holds_the_loop, found)):
                hopeless.add(chunk.strategy)


def _check_by(executor: Executor, asked: list[_Chunk]) -> Iterator[tuple[int, list[Finding]]]:
    chunks = {executor.submit(_check_chunk, *chunk): chunk for chunk in asked}
    for future in as_completed(chunks):
        if future.cancelled():
            continue
        found = future.result()
        yield len(chunks[future].cases), found
        if any(map(_holds_the_loop, found)):
            for other, chunk in chunks.items():
                if chunk.strategy is chunks[future].strategy:
                    other.cancel()


def _shrink_by(executor: Executor) -> Callable[[type[Strategy], Finding], Finding]:
    return lambda strategy, finding: executor.submit(shrink, strategy, finding).result()


def _gather(
    strategies: Strategies,
    chunks: Iterator[tuple[int, list[Finding]]],
    checked: Callable[[int], None],
    smaller: Callable[[type[Strategy], Finding], Finding],
) -> list[ShrunkFinding]:
    alike: dict[tuple[str, Invariant], list[Finding]] = {}
    for count, findings in chunks:
        for finding in findings:
            alike.setdefault((finding.strategy, finding.violation.invariant), []).append(finding)
        checked(count)
    order = {name: place for place, name in enumerate(strategies)}
    firsts = [(min(found, key=_size), len({finding.case.seed for finding in found})) for found in alike.values()]
    firsts.sort(key=lambda first: (order[first[0].strategy], first[0].case.seed))
    return [ShrunkFinding(first, smaller(strategies[first.strategy], first), seeds) for first, seeds in firsts]


def _size(finding: Finding) -> tuple[bool, int]:
    """The order of findings: what shows without the wire is the simpler one."""
    return finding.case.scenario.virtual.wire, finding.case.seed
