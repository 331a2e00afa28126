"""The repeats of a strategy as one row to show; `loadtest.stats` says what may be claimed of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from statistics import median
from typing import Any

from loadtest.figures.run_summary import RunSummary
from loadtest.workload.gate import WORST_COUNTS


@dataclass(frozen=True, slots=True)
class Medians(RunSummary):
    """The figures of a strategy over its repeats."""

    repeats: int = 1
    repeats_with: dict[str, int] = field(default_factory=dict)  # how many repeats had any, by count that must be 0
    left_out: int = 0  # repeats that are no result and in no median; 0 where none is a result

    @property
    def is_result(self) -> bool:
        """Whether its medians are of valid repeats, whatever other repeats are left out."""
        return self.valid or self.left_out > 0


def by_strategy(rows: Sequence[RunSummary]) -> dict[str, list[RunSummary]]:
    """The repeats of each strategy, in order of their first appearance."""
    found: dict[str, list[RunSummary]] = {}
    for row in rows:
        found.setdefault(row.strategy, []).append(row)
    return found


def medians(rows: Sequence[RunSummary]) -> list[Medians]:
    """A row for each strategy over its repeats: of every figure the median of the valid ones.

    What must not happen (errors, wrong answers, reads that failed or were shed) is the worst of all repeats, with how
    many had any. Incidents and notes are those of all repeats. A row is valid where all of them are.
    """
    return [_summed_up(repeats) for repeats in by_strategy(rows).values()]


_TOLD = frozenset(
    {"seed", "repeat", "valid", "incidents", "planned_faults", "notes", "wrong_answer_kinds", "assumed", "trace"}
)
"""Fields that have no median."""


def _summed_up(repeats: Sequence[RunSummary]) -> Medians:
    valid = [row for row in repeats if row.valid] or repeats
    names = [field.name for field in fields(RunSummary)]
    figures = {name: getattr(valid[0], name) for name in names}
    if len(repeats) > 1:
        figures |= {name: _middle([getattr(row, name) for row in valid]) for name in names if name not in _TOLD}
        figures |= {name: _said(repeats, name) for name in ("incidents", "notes")}
    counted = [*WORST_COUNTS, *(f"wrong_answer_kinds.{fault}" for row in repeats for fault in row.wrong_answer_kinds)]
    known = [name for name in dict.fromkeys(sorted(counted)) if figures[name.partition(".")[0]] is not None]
    worst = {name: [_count(row, name) for row in repeats] for name in known}
    figures["wrong_answer_kinds"] = {}
    for name, counts in worst.items():
        table, _, entry = name.partition(".")
        if not entry:
            figures[name] = max(counts)
        elif any(counts):
            figures[table] = {**figures[table], entry: max(counts)}
    figures["assumed"] = list(dict.fromkeys(name for row in repeats for name in row.assumed))
    figures["valid"] = all(row.valid for row in repeats)
    some = {name: with_any for name, counts in worst.items() if (with_any := sum(map(bool, counts)))}
    return Medians(**figures, repeats=len(repeats), repeats_with=some, left_out=len(repeats) - len(valid))


def _count(row: RunSummary, name: str) -> int:
    table, _, entry = name.partition(".")
    value = getattr(row, table)
    return int(value.get(entry, 0) if entry else value or 0)


def _said(repeats: Sequence[RunSummary], name: str) -> list[str]:
    """The incidents or notes of all repeats, each with its repeat, but once where all of them have it."""
    told = [(row.repeat, text) for row in repeats for text in getattr(row, name)]
    of_all = {text for _, text in told if sum(other == text for _, other in told) >= len(repeats)}
    return list(dict.fromkeys(text if text in of_all else f"repeat {repeat}: {text}" for repeat, text in told))


def _middle(values: Sequence[Any]) -> Any:
    """The median of the values that are there; of labels the first.

    Of tables it is the median of each entry, where a missing count is 0 and a missing table stays out.
    """
    there = [value for value in values if value is not None]
    first = there[0] if there else None
    if first is None or isinstance(first, bool | str):
        return first
    if isinstance(first, Mapping):
        names = dict.fromkeys(name for value in there for name in value)
        # a repeat without a kind of stampede has no size of it
        is_deep = any(isinstance(inner, Mapping) for value in there for inner in value.values())
        missing = None if is_deep else 0
        return {name: _middle([value.get(name, missing) for value in there]) for name in names}
    middle = median(there)
    # a count between two repeats keeps its half: rounded, a worst second could be below its median
    return int(middle) if isinstance(first, int) and middle == int(middle) else middle
