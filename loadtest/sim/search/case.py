"""A checked run: the case that it depends on, and the invariant that did not hold."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.sim.cluster.cluster import Cluster, ClusterReady
from loadtest.sim.cluster.events import Observer, Subscriber
from loadtest.sim.cluster.shadow import simulate_both_ways
from loadtest.sim.cluster.violation import Invariant, Violation
from loadtest.sim.search.random_scenario import random_scenario, shuffle_seed
from loadtest.sim.search.real_time_limit import RanTooLong, bounded
from loadtest.workload.scenario import Scenario

HOLDS_THE_LOOP = Invariant.LETS_OTHERS_RUN
"""The invariant each of whose findings takes `RUN_S_MAX` of real time: one finding suffices, and is not shrunk."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a run depends on besides the code."""

    scenario: Scenario
    seed: int
    shuffle_seed: int | None = None


class Ran(NamedTuple):
    """The end of a case; the `trace` is empty where the run did not come to its end."""

    violation: Violation | None
    trace: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A case in which an invariant of a strategy does not hold."""

    strategy: str
    case: Case
    violation: Violation


def case_of(strategy: type[Strategy], seed: int, wire: bool = False) -> Case:
    """The case that the seed draws for that strategy, or its case over the wire."""
    return Case(random_scenario(seed, [strategy], wire), seed, shuffle_seed(seed))


def run_case(strategy: type[Strategy], case: Case, observers: Sequence[Observer] = ()) -> Ran:
    """Run a case, with the same result for the same arguments. Errors are violations; only interruptions are raised."""
    clusters: list[Cluster] = []
    kept = Subscriber({ClusterReady: lambda event: clusters.append(event.cluster)})

    def broken(invariant: Invariant, what: str) -> Ran:
        return Ran(Violation(invariant, clusters[0].clock.now_s() if clusters else 0.0, what), "")

    with _silence():
        try:
            with bounded(f"{strategy.name}, seed {case.seed},", _source(strategy)):
                outcome, difference, _ = simulate_both_ways(
                    case.scenario, strategy, case.seed, case.shuffle_seed, [kept, *observers]
                )
        except RanTooLong as error:
            return broken(HOLDS_THE_LOOP, str(error))
        except Exception as error:
            seen = clusters[0].invariants.violation if clusters else None
            return broken(Invariant.GOES_ON, f"{type(error).__name__}: {error}") if seen is None else Ran(seen, "")
    if difference and outcome.violation is None:
        return broken(Invariant.SAME_ONE_BY_ONE, difference)
    return Ran(outcome.violation, outcome.row.trace)


def _source(strategy: type[Strategy]) -> str:
    return str(getattr(sys.modules.get(strategy.__module__), "__file__", ""))


def check_seed(strategy: type[Strategy], seed: int, wire: bool = False) -> Finding | None:
    """The finding in the case of that seed, or in its case over the wire; None where every invariant holds."""
    return check_case(strategy, case_of(strategy, seed, wire))


def check_case(strategy: type[Strategy], case: Case) -> Finding | None:
    """The finding in that case; None where every invariant holds."""
    violation, _ = run_case(strategy, case)
    return None if violation is None else Finding(strategy.name, case, violation)


@contextmanager
def _silence() -> Iterator[None]:
    """Switch logging off: errors of a run are findings, and the logs of thousands of runs would bury them."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
