"""The points of a frontier: strategies with their settings, and which of them no other one beats."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from loadtest.figures.repeats import Medians
from loadtest.workload.scenario import Scenario

STEP = 1.01
"""The factor between two steps of a figure: differences below 1 % do not count."""
ERRORS_SHARE_MAX = 0.001
"""The largest share of errors in the requests of a choice: errors are quick, and would look like a good figure."""
_ONES_OWN = frozenset({"cache.ttl_s", "origin.connections", "origin.connections_shared"})
"""The fields of a scenario that are settings of the cache or the origin; all others are the load."""

Value = float | int | str | bool | None
Steps = tuple[float, ...]


class Choice(NamedTuple):
    """A strategy with its settings, and its figures over all repeats."""

    strategy: str
    settings: dict[str, Value]
    row: Medians
    is_best: bool = False  # no other point of this load is better in one figure and worse in none

    @property
    def label(self) -> str:
        settings = ", ".join(f"{name} {in_words(value)}" for name, value in self.settings.items())
        return f"{self.strategy} ({settings})" if settings else self.strategy

    @property
    def reads_per_s(self) -> float:
        """The origin's reads per second after the cold start, on average over the run."""
        return (self.row.origin_reads - self.row.cold_reads) / self.row.duration_s

    @property
    def latency_of(self) -> str:
        """The field with its latency: without the cold start, which is alike for all, where that is known."""
        return "p99_ms" if self.row.steady_p99_ms is None else "steady_p99_ms"

    @property
    def latency_ms(self) -> float | None:
        """Its p99; None where no answer was good."""
        found: float | None = getattr(self.row, self.latency_of)
        return found

    @property
    def is_assumed(self) -> bool:
        """Whether its latency is what virtual time assumes of the network, and no figure of a service."""
        return self.latency_of in self.row.assumed

    @property
    def is_eligible(self) -> bool:
        """Whether it can be chosen: valid, and with few enough errors."""
        row = self.row
        return (
            row.is_result
            and self.latency_ms is not None
            and row.requests > 0
            and row.errors <= ERRORS_SHARE_MAX * row.requests
            and not row.wrong_answers
        )

    def as_dict(self) -> dict[str, Any]:
        """The choice as JSON can hold it."""
        stated = self._asdict() | {"row": self.row.as_dict(), "is_eligible": self.is_eligible}
        return stated | {"reads_per_s": self.reads_per_s}

    @property
    def load(self) -> str:
        """The load in words, which tells apart the points that compete."""
        settings = self.settings.items()
        return json.dumps([(name, value) for name, value in settings if name not in _ONES_OWN and _is_field(name)])


def in_words(value: Value) -> str:
    """The value of a setting as it is written on the command line."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return f"{value:.10g}" if isinstance(value, int | float) else value


def competing(found: Sequence[Choice]) -> list[Choice]:
    """The same choices, those marked that no other one of their load beats."""
    by_load: dict[str, set[Steps]] = {}
    for choice in found:
        if choice.is_eligible:
            by_load.setdefault(choice.load, set()).add(_steps(choice))
    best = {load: _unbeaten(steps) for load, steps in by_load.items()}
    return [one._replace(is_best=one.is_eligible and _steps(one) in best[one.load]) for one in found]


def of_rows(rows: Sequence[Medians]) -> list[Choice]:
    """A choice for each strategy of a run, which has no settings to choose from."""
    return competing([Choice(row.strategy, {}, row) for row in rows])


def unbeaten(choices: Sequence[Choice]) -> list[Choice]:
    """The best choices, by load, those with the fewest origin reads first."""
    return sorted((choice for choice in choices if choice.is_best), key=lambda one: (one.load, one.reads_per_s))


def beaten_by(choice: Choice, others: Sequence[Choice]) -> list[Choice]:
    """Those of the others that beat it: they are as good in all three figures, and better in one."""
    mine = _steps(choice)
    return [one for one in others if one.is_eligible and one.load == choice.load and _beats(_steps(one), mine)]


def _beats(one: Steps, other: Steps) -> bool:
    return one != other and all(map(float.__le__, one, other))


def _unbeaten(all_: Iterable[Steps]) -> set[Steps]:
    found: set[Steps] = set()
    for steps in sorted(all_):  # sorted: a point that beats another comes before it
        if not any(_beats(other, steps) for other in found):
            found.add(steps)
    return found


def _steps(choice: Choice) -> Steps:
    """The figures that are to be low, each in whole steps, so that "as good as" is transitive."""
    figures = (choice.latency_ms, choice.reads_per_s, choice.row.age_p99_s)
    return tuple(
        math.inf if value is None else float(round(math.log(value, STEP))) if value > 0 else -math.inf
        for value in figures
    )


def _is_field(name: str) -> bool:
    return name.partition(".")[0] in Scenario.model_fields
