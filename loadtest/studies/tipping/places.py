"""The places of a map: every strategy at every pair of a load and a trigger, as planned runs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.table import faults_of

VALUES_MAX = 24
"""The most loads, and the most triggers, of a map."""
SHARES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""The loads of a map that states none, as shares of the scenario's own."""
DOUBLINGS = (-3, -2, -1, 0, 1, 2)
"""The triggers of a map that states none: the scenario's own, halved and doubled so often."""
LENGTH = "for_s"
"""The field that holds a trigger's length in seconds."""
AFTER_S_MIN = 10.0
"""The fewest seconds after a trigger in which a system can show whether it comes back."""
SPIKE = "spike"


class BadMap(ValueError):
    """A map that cannot be drawn; the text names the option, the field and the bound."""


class Place(NamedTuple):
    """A place of the map."""

    strategy: str
    rate_per_s: float
    trigger: float


@dataclass(frozen=True, slots=True)
class MapPlan:
    """The plan of a map: with the code it decides every figure of it."""

    scenario: Scenario
    strategies: tuple[str, ...]
    rates_per_s: tuple[float, ...]
    """The loads in requests per second, ascending."""
    field: str
    """The field of the trigger that is swept: `for_s` is its length in seconds, others are its size."""
    triggers: tuple[float, ...]
    """The values of that field, ascending."""
    seed: int

    def runs(self) -> dict[Place, PlannedRun]:
        """A run for each place, a strategy's places together. Raises `BadMap`."""
        return {place: self.run(place) for place in self._places()}

    def run(self, place: Place) -> PlannedRun:
        """The run of a place; each has as long to come back as the scenario leaves after its own trigger."""
        return PlannedRun(self._scenario(place), place.strategy, self.seed)

    def _places(self) -> Iterator[Place]:
        for strategy in self.strategies:
            for trigger in self.triggers:
                for rate_per_s in self.rates_per_s:
                    yield Place(strategy, rate_per_s, trigger)

    def _scenario(self, place: Place) -> Scenario:
        table = self.scenario.model_dump()
        for holder in _holders(table):
            if self.field in holder:
                holder[self.field] = place.trigger
        table["load"]["rate_per_s"] = place.rate_per_s
        if self.field == LENGTH:
            table["duration_s"] += place.trigger - _own(self.scenario, LENGTH)
        try:
            return Scenario.model_validate(table)
        except ValidationError as error:
            what = f"load {place.rate_per_s:g}/s, {self.field} {place.trigger:g}"
            raise BadMap(f"at {what}: {faults_of(error, 'scenario', Scenario)[0]}") from None


def plan_map(
    scenario: Scenario, strategies: Sequence[str], loads: str | None, trigger: str | None, seed: int
) -> MapPlan:
    """The plan that the options state: `loads` as `100,200`, `trigger` as `1,2,4` or `to_share=2,4`.

    What they leave open is made of the scenario's own load and trigger. Raises `BadMap`.
    """
    rate_per_s, own = scenario.load.rate_per_s, scenario.trigger
    if rate_per_s is None or scenario.load.loop != "open":
        raise BadMap(
            f"{scenario.name}: load: a map needs an open loop with a rate_per_s, which nobody's wait slows down"
        )
    if own is None:
        raise BadMap(f"{scenario.name}: has no trigger: a map needs [[faults]], or a load.shape of kind {SPIKE}")
    if scenario.duration_s - own.end_s < AFTER_S_MIN:
        raise BadMap(
            f"{scenario.name}: duration_s leaves {scenario.duration_s - own.end_s:g} s after the trigger; "
            f"a map needs at least {AFTER_S_MIN:g}"
        )
    named, separator, listed = (trigger or LENGTH).partition("=")
    field, listed = (named.strip(), listed) if separator else (LENGTH, trigger or "")
    own_value = _own(scenario, field)
    plan = MapPlan(
        scenario,
        tuple(strategies),
        _values("--load", loads) if loads else tuple(share * rate_per_s for share in SHARES),
        field,
        _values("--trigger", listed) if listed else tuple(math.ldexp(own_value, by) for by in DOUBLINGS),
        seed,
    )
    plan.runs()  # which names the first place that cannot be
    return plan


def _own(scenario: Scenario, field: str) -> float:
    """The scenario's own value of a trigger's field. Raises `BadMap` where its trigger has no such number."""
    holders = list(_holders(scenario.model_dump()))
    found = [holder[field] for holder in holders if _is_number(holder.get(field))]
    if not found:
        fields = sorted({name for holder in holders for name, value in holder.items() if _is_number(value)} - {"at_s"})
        raise BadMap(
            f"--trigger {field}: the trigger of {scenario.name} has no such number; it has {', '.join(fields)}"
        )
    return float(found[0])


def _holders(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tables that a scenario's trigger is stated in: its faults, or else the shape of its load."""
    return list(table["faults"]) or [table["load"]["shape"]]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _values(option: str, text: str) -> tuple[float, ...]:
    """The numbers in a text, ascending. Raises `BadMap`."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise BadMap(f"{option} {text}: write numbers, by comma") from None
    if not all(0 < value < math.inf for value in values):
        raise BadMap(f"{option} {text}: every number must be finite, and more than 0")
    if len({*values}) != len(values):
        raise BadMap(f"{option} {text}: a number is there twice")
    if len(values) > VALUES_MAX:
        raise BadMap(f"{option}: {len(values)} numbers are more than {VALUES_MAX}")
    return tuple(sorted(values))
