"""A strategy as the answer sees it: its figures, the age that it needs, and the reason why it is never recommended."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.discovery import wrong_names
from app.strategy import Status
from app.strategy_groups import MARKED
from loadtest.figures.plain_text import quoted
from loadtest.figures.repeats import Medians, by_strategy, medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report.marks import marked
from loadtest.workload.scenario import Scenario
from loadtest.workload.trigger import Trigger

AGE_LEEWAY_S = 0.05
"""Seconds by which an answer may be older than the TTL and still be within it: what a reply takes on its way."""


@dataclass(frozen=True, slots=True)
class MeasuredCandidate:
    """A strategy's figures over its valid repeats."""

    row: Medians
    repeats: Sequence[RunSummary]
    """The repeats that are results; all of them where none is."""
    why_not: str
    """The reason why it is never recommended; empty where it may be."""
    is_beyond_ttl: bool
    """Whether it answers with what is older than the TTL, or promises no less."""

    @property
    def name(self) -> str:
        """The strategy's name, with its mark."""
        return marked(self.row.strategy)

    @property
    def n(self) -> int:
        return len(self.repeats)

    @property
    def age_s(self) -> float:
        """The age that its answers may have: what it promises, or the oldest one where that is more or unknown."""
        return max(self.row.promised_s or 0.0, self.row.age_max_s or 0.0)

    def values(self, field: str) -> list[float]:
        """The figure in every repeat; empty where one of them has none."""
        found = [getattr(row, field) for row in self.repeats]
        # a peak of no read at all: nothing was asked after the cold start
        found = [0 if value is None and field == "steady_peak_1s" else value for value in found]
        return [] if None in found else [float(value) for value in found]


def candidates(runs: Sequence[RunSummary], scenario: Scenario) -> list[MeasuredCandidate]:
    """The strategies in the order of their rows, without the references."""
    found = []
    for repeats in by_strategy([run for run in runs if not run.is_reference]).values():
        valid = [run for run in repeats if run.valid] or repeats
        (row,) = medians(repeats)
        row = replace(row, valid=row.is_result)  # its valid repeats are compared, however few
        found.append(
            MeasuredCandidate(row, valid, _why_not(row, scenario.trigger), _is_beyond(row, scenario.cache.ttl_s))
        )
    return found


def _is_beyond(row: Medians, ttl_s: float) -> bool:
    oldest_s = max(row.promised_s or 0.0, row.age_max_s or row.age_p99_s or 0.0)
    return oldest_s > ttl_s + AGE_LEEWAY_S


def _why_not(row: Medians, trigger: Trigger | None) -> str:
    """The reason why a strategy is never recommended; empty where there is none.

    Under a trigger errors are figures, and the reason is not to come back.
    """
    if not row.valid:
        return f"no valid result ({quoted(row.incidents[0])})" if row.incidents else "no valid result"
    if row.strategy in wrong_names():
        return MARKED
    if row.wrong_answers:
        return _counted(row.wrong_answers, "wrong answer")
    return _failures(row) if trigger is None else _no_way_back(row)


def _failures(row: Medians) -> str:
    shed = row.statuses.get(Status.SHED, 0)
    told = [
        *(["no good answer"] if row.p50_ms is None else []),
        *([_counted(row.errors, "error")] if row.errors else []),
        *([f"{shed:,} of them requests that were turned away"] if shed and row.errors else []),
        *([f"{_counted(row.gave_up, 'request')} given up"] if row.gave_up else []),
    ]
    return ", ".join(told)


def _no_way_back(row: Medians) -> str:
    if row.recovers_after_s is None:
        return "not known to have come back"
    return "never came back" if row.recovers_after_s == math.inf else ""


def _counted(count: float, what: str) -> str:
    return f"{count:,.0f} {what}{'' if count == 1 else 's'}"
