"""The shadow of a run: the same run with every hit simulated on its own, to which it has to be equal."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import NamedTuple

import numpy as np

from app.strategy import Strategy
from loadtest.sim.cluster.events import Observer
from loadtest.sim.cluster.simulate import Simulated, SimulatedHistory
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario


class Shadowed(NamedTuple):
    """A run in which every hit was simulated, and where the same run by array differs from it."""

    outcome: Simulated
    difference: str
    """The first figure that differs, with both values; empty where all are equal, the trace among them."""
    was_by_array: bool
    """Whether hits could be answered by array at all; else there was one run."""


def simulate_both_ways(
    scenario: Scenario,
    strategy: type[Strategy],
    seed: int,
    shuffle_seed: int | None = None,
    observers: Sequence[Observer] = (),
) -> Shadowed:
    """Run a strategy by array, and where that makes a difference one by one; `observers` observe the first of the two.

    Raises as `SimulatedHistory.chunks`.
    """
    run = PlannedRun(scenario, strategy.name, seed)
    history = SimulatedHistory(run, strategy, shuffle_seed, observers)
    outcome = history.simulated()
    if not history.was_by_array:
        return Shadowed(outcome, "", False)
    shadow = SimulatedHistory(run, strategy, shuffle_seed, by_array=False)
    one_by_one = shadow.simulated()
    return Shadowed(one_by_one, _difference(outcome, one_by_one), True)


def _difference(one: Simulated, other: Simulated) -> str:
    for field in fields(one.row):
        mine, its = getattr(one.row, field.name), getattr(other.row, field.name)
        if mine != its:
            return f"{field.name} is {mine} by array, and {its} one by one"
    if one.violation != other.violation:
        return f"by array: {one.violation or 'no violation'}, one by one: {other.violation or 'none'}"
    return "" if _are_equal(one.series, other.series) else "the course over time differs"


def _are_equal(mine: object, its: object) -> bool:
    """Whether two courses are the same, or two parts of them: dataclasses, arrays or numbers."""
    if is_dataclass(mine) and is_dataclass(its):
        return all(_are_equal(getattr(mine, field.name), getattr(its, field.name)) for field in fields(mine))
    if isinstance(mine, np.ndarray) and isinstance(its, np.ndarray):
        return np.array_equal(mine, its, equal_nan=True)
    return mine == its
