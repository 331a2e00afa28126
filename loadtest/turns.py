"""Which runs a comparison is made of, in which order; and their repeats as one row each, to look at.

What may be claimed of repeats says `loadtest.judge`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from random import Random
from statistics import median
from typing import Any, NamedTuple

from app.discovery import Discovered
from loadtest.measure import Row
from loadtest.scenario import Scenario


class Turn(NamedTuple):
    """One run: of a strategy, or of the baseline as the control of one that changes the mean TTL."""

    strategy: str
    repeat: int = 1
    ttl_s: float | None = None
    """A control's own."""

    @property
    def name(self) -> str:
        """What its rows are called."""
        return self.strategy if self.ttl_s is None else f"{self.strategy}_{round(1000 * self.ttl_s)}ms"

    @property
    def label(self) -> str:
        """What its folder and its progress are called."""
        return self.name if self.repeat == 1 else f"{self.name}-{self.repeat}"

    def place(self, found: Discovered) -> tuple[int, float, int]:
        """Where its row stands: as discovered, a control right behind the baseline."""
        return (list(found.strategies).index(self.strategy), self.ttl_s or 0.0, self.repeat)

    def scenario(self, scenario: Scenario) -> Scenario:
        """As this run needs it."""
        if self.ttl_s is None:
            return scenario
        return scenario.model_copy(update={"cache": scenario.cache.model_copy(update={"ttl_s": self.ttl_s})})


def turns(scenario: Scenario, names: Sequence[str], found: Discovered, repeats: int, seed: int) -> list[Turn]:
    """Every strategy, and beside each that changes the mean TTL the baseline at that mean, because older answers alone
    save loads. Repeats are interleaved, each round in another random order, so that a machine that gets slower is not
    one strategy's misfortune; a single round keeps the order that was asked for."""
    first: dict[Turn, None] = {}
    for name in names:
        strategy = found.strategies[name]
        stretch = strategy.mean_stretch(strategy.tuned(scenario.tune.get(name, {})))
        if stretch != 1.0 and found.baseline is not None:
            first[Turn(found.baseline, 1, stretch * scenario.cache.ttl_s)] = None
        first[Turn(name)] = None
    if repeats == 1:
        return list(first)
    rng = Random(seed)
    rounds = (rng.sample(list(first), len(first)) for _ in range(repeats))
    return [turn._replace(repeat=number) for number, order in enumerate(rounds, start=1) for turn in order]


def by_strategy(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The repeats of each, in order of their first appearance."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.strategy, []).append(row)
    return found


def medians(rows: Sequence[Row]) -> list[Row]:
    """A row per strategy: the median of every figure over its valid repeats, and all that happened in any of them."""
    return [_median(repeats) for repeats in by_strategy(rows).values()]


def _median(repeats: Sequence[Row]) -> Row:
    if len(repeats) == 1:
        return repeats[0]
    valid = [row for row in repeats if row.valid] or repeats
    figures = {
        name: _middle([getattr(row, name) for row in valid])
        for name in (field.name for field in fields(Row))
        if name not in {"seed", "repeat", "valid", "events", "faults"}
    }
    events = [f"repeat {row.repeat}: {event}" for row in repeats for event in row.events]
    return replace(valid[0], **figures, events=events, valid=all(row.valid for row in repeats))


def _middle(values: Sequence[Any]) -> Any:
    """Of numbers their median, of tables that of each entry (0 where one is missing), of labels the first."""
    first = values[0]
    if isinstance(first, bool | str) or any(value is None for value in values):
        return first
    if isinstance(first, Mapping):
        names = dict.fromkeys(name for value in values for name in value)
        empty: Any = {} if any(isinstance(inner, Mapping) for inner in first.values()) else 0
        return {name: _middle([value.get(name, empty) for value in values]) for name in names}
    middle = median(values)
    return round(middle) if isinstance(first, int) else middle
