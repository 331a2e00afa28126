"""Which runs a comparison is made of, in which order; and their repeats as one row each, to look at.

What may be claimed of repeats says `loadtest.judge`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from random import Random
from statistics import median
from typing import Any, NamedTuple

from app.discovery import Discovered
from loadtest.judge.gate import WORST_COUNTS
from loadtest.measure import Row
from loadtest.scenario import Scenario


class Turn(NamedTuple):
    """One run: of a strategy, or of the baseline as the control of one that changes the mean TTL."""

    strategy: str
    repeat: int = 1
    ttl_s: float | None = None
    """A control's own."""
    is_bound: bool = False
    """It shows what no strategy can leave, and decides nothing."""

    @property
    def name(self) -> str:
        """What its rows are called."""
        return self.strategy if self.ttl_s is None else f"{self.strategy}_{round(1000 * self.ttl_s)}ms"

    @property
    def label(self) -> str:
        """What its folder and its progress are called."""
        return self.name if self.repeat == 1 else f"{self.name}-{self.repeat}"

    def place(self, found: Discovered) -> tuple[int, float, int]:
        """Where its row stands: a bound first, then as discovered, a control right behind the baseline; what is gone by
        now at the end."""
        if self.is_bound:
            return (-1, 0.0, self.repeat)
        known = list(found.strategies)
        place = known.index(self.strategy) if self.strategy in known else len(known)
        return (place, self.ttl_s or 0.0, self.repeat)

    def scenario(self, scenario: Scenario) -> Scenario:
        """As this run needs it."""
        if self.ttl_s is None:
            return scenario
        return scenario.model_copy(update={"cache": scenario.cache.model_copy(update={"ttl_s": self.ttl_s})})


def turns(scenario: Scenario, names: Sequence[str], found: Discovered, repeats: int, seed: int) -> list[Turn]:
    """Every strategy, and beside each that changes the mean TTL the baseline at that mean, because older answers alone
    save loads; at the end of a round the bounds that were discovered. Repeats are interleaved, each round in another
    random order, so that a machine that gets slower is not one strategy's misfortune; a single round keeps the order
    that was asked for."""
    first: dict[Turn, None] = {}
    for name in names:
        strategy = found.strategies[name]
        stretch = strategy.mean_stretch(strategy.tuned(scenario.tune.get(name, {})))
        if stretch != 1.0 and found.baseline is not None:
            first[Turn(found.baseline, 1, stretch * scenario.cache.ttl_s)] = None
        first[Turn(name)] = None
    first |= dict.fromkeys(Turn(name, is_bound=True) for name in found.bounds)
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
    """A row per strategy, over its repeats. Of every figure the median of the valid ones; what must not happen (errors,
    wrong answers and their kinds, reads that failed or were turned away) by the worst of all, and in how many of them
    it did; all events and notes of any of them. It is valid when all of them are."""
    return [_summed_up(repeats) for repeats in by_strategy(rows).values()]


_TOLD = frozenset(
    {"seed", "repeat", "repeats", "repeats_with", "valid", "events", "notes", "faults", "assumed", "trace"}
)
"""Fields of which there is no median."""


def _summed_up(repeats: Sequence[Row]) -> Row:
    if len(repeats) == 1:
        return repeats[0]
    valid = [row for row in repeats if row.valid] or repeats
    figures: dict[str, Any] = {
        name: _middle([getattr(row, name) for row in valid])
        for name in (field.name for field in fields(Row))
        if name not in _TOLD
    }
    names = [*WORST_COUNTS, *(f"faults.{fault}" for row in repeats for fault in row.faults)]
    worst = {name: [_count(row, name) for row in repeats] for name in dict.fromkeys(sorted(names))}
    figures["faults"] = {}
    for name, counts in worst.items():
        table, _, entry = name.partition(".")
        if not entry:
            figures[name] = max(counts)
        elif any(counts):
            figures[table] = {**figures[table], entry: max(counts)}
    return replace(
        valid[0],
        **figures,
        repeats=len(repeats),
        repeats_with={name: some for name, counts in worst.items() if (some := sum(map(bool, counts)))},
        events=_said(repeats, "events"),
        notes=_said(repeats, "notes"),
        assumed=list(dict.fromkeys(name for row in repeats for name in row.assumed)),
        valid=all(row.valid for row in repeats),
    )


def _count(row: Row, name: str) -> int:
    table, _, entry = name.partition(".")
    value = getattr(row, table)
    return int(value.get(entry, 0) if entry else value)


def _said(repeats: Sequence[Row], name: str) -> list[str]:
    """Each with its repeat; once where all of them say it."""
    told = [(row.repeat, text) for row in repeats for text in getattr(row, name)]
    of_all = {text for _, text in told if sum(other == text for _, other in told) >= len(repeats)}
    return list(dict.fromkeys(text if text in of_all else f"repeat {repeat}: {text}" for repeat, text in told))


def _middle(values: Sequence[Any]) -> Any:
    """Of numbers the median of those that there are, of counts in a table each one's (0 where it is missing), of tables
    in a table that of each; of labels the first."""
    there = [value for value in values if value is not None]
    first = there[0] if there else None
    if first is None or isinstance(first, bool | str):
        return first
    if isinstance(first, Mapping):
        names = dict.fromkeys(name for value in there for name in value)
        # of a kind of stampede that one repeat did not have, there is no size there
        is_deep = any(isinstance(inner, Mapping) for value in there for inner in value.values())
        missing = None if is_deep else 0
        return {name: _middle([value.get(name, missing) for value in there]) for name in names}
    middle = median(there)
    return round(middle) if isinstance(first, int) else middle
