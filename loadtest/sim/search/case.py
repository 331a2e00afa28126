"""One run that is checked: what it depends on, and what did not hold in it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.sim.cluster.cluster import World
from loadtest.sim.cluster.invariants import Invariant, Violation
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.cluster.simulate import Stage, simulate
from loadtest.sim.search.random_scenario import random_scenario, shuffle_seed
from loadtest.sim.search.real_time_limit import TookTooLong, bounded
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
    """What came of a case. Without a `trace` it did not come to its end."""

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


def run_case(strategy: type[Strategy], case: Case, stage: Stage = World) -> Ran:
    """The same arguments give the same answer. Never raises, whatever the run does, but for being interrupted."""
    worlds: list[World] = []

    def keep(scenario: Scenario, strategy: type[Strategy], seed: int, recorder: Recorder) -> World:
        worlds.append(stage(scenario, strategy, seed, recorder))
        return worlds[0]

    def broken(invariant: Invariant, what: str) -> Ran:
        at_s = worlds[0].loop.now_s if worlds else 0.0
        return Ran(Violation(invariant, at_s, what), "")

    with _silence():
        try:
            with bounded(f"{strategy.name}, seed {case.seed},", _source(strategy)):
                outcome = simulate(case.scenario, strategy, case.seed, case.shuffle_seed, keep)
        except TookTooLong as error:
            return broken(HOLDS_THE_LOOP, str(error))
        except Exception as error:
            seen = worlds[0].watch.violation if worlds else None
            return broken(Invariant.GOES_ON, f"{type(error).__name__}: {error}") if seen is None else Ran(seen, "")
    return Ran(outcome.violation, outcome.row.trace)


def _source(strategy: type[Strategy]) -> str:
    return str(getattr(sys.modules.get(strategy.__module__), "__file__", ""))


def check_seed(strategy: type[Strategy], seed: int) -> Finding | None:
    """What does not hold in the world of that seed."""
    return check_case(strategy, case_of(strategy, seed))


def check_case(strategy: type[Strategy], case: Case) -> Finding | None:
    """What does not hold in that case."""
    violation, _ = run_case(strategy, case)
    return None if violation is None else Finding(strategy.name, case, violation)


@contextmanager
def _silence() -> Iterator[None]:
    """What breaks in a world is told as a finding; the log of its pods would be that of thousands."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
