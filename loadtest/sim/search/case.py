"""One run that is checked: what it depends on, and what did not hold in it."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.sim.cluster.cluster import Cluster, ClusterReady
from loadtest.sim.cluster.events import Observer, Subscriber
from loadtest.sim.cluster.simulate import simulate
from loadtest.sim.cluster.violation import Invariant, Violation
from loadtest.sim.search.random_scenario import random_scenario, shuffle_seed
from loadtest.sim.search.real_time_limit import RanTooLong, bounded
from loadtest.workload.scenario import Scenario

HOLDS_THE_LOOP = Invariant.LETS_OTHERS_RUN
"""The invariant of which each finding takes `RUN_S_MAX` of real time: one is enough, and is not shrunk."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a run depends on, but for the code."""

    scenario: Scenario
    seed: int
    shuffle_seed: int | None = None


class Ran(NamedTuple):
    """The end of a case. Without a `trace` it did not come to its end."""

    violation: Violation | None
    trace: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A case in which something does not hold."""

    strategy: str
    case: Case
    violation: Violation


def case_of(strategy: type[Strategy], seed: int) -> Case:
    """The world that the seed draws for that strategy."""
    return Case(random_scenario(seed, [strategy]), seed, shuffle_seed(seed))


def run_case(strategy: type[Strategy], case: Case, observers: Sequence[Observer] = ()) -> Ran:
    """The same arguments give the same answer. Never raises, whatever the run does, but for being interrupted."""
    clusters: list[Cluster] = []
    kept = Subscriber({ClusterReady: lambda event: clusters.append(event.cluster)})

    def broken(invariant: Invariant, what: str) -> Ran:
        return Ran(Violation(invariant, clusters[0].clock.now_s() if clusters else 0.0, what), "")

    with _silence():
        try:
            with bounded(f"{strategy.name}, seed {case.seed},", _source(strategy)):
                outcome = simulate(case.scenario, strategy, case.seed, case.shuffle_seed, [kept, *observers])
        except RanTooLong as error:
            return broken(HOLDS_THE_LOOP, str(error))
        except Exception as error:
            seen = clusters[0].invariants.violation if clusters else None
            return broken(Invariant.GOES_ON, f"{type(error).__name__}: {error}") if seen is None else Ran(seen, "")
    return Ran(outcome.violation, outcome.row.trace)


def _source(strategy: type[Strategy]) -> str:
    return str(getattr(sys.modules.get(strategy.__module__), "__file__", ""))


def check_seed(strategy: type[Strategy], seed: int) -> Finding | None:
    """The invariant that does not hold in the world of that seed."""
    return check_case(strategy, case_of(strategy, seed))


def check_case(strategy: type[Strategy], case: Case) -> Finding | None:
    """The invariant that does not hold in that case."""
    violation, _ = run_case(strategy, case)
    return None if violation is None else Finding(strategy.name, case, violation)


@contextmanager
def _silence() -> Iterator[None]:
    """Logging is off: whatever breaks in a world is a finding, and the log of its pods would be that of thousands."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
