"""The verdict on one subject of a drill: its gates, and what the fault cost the pods."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from loadtest.figures.run_summary import RunSummary
from loadtest.stats.gates import GateResult, judge_gates
from loadtest.stats.saved_run import SavedRun
from loadtest.studies.drills.plan import Subject
from loadtest.workload.gate import HEALTHY, parse_gate

COST_TIMES_MAX = 3.0
"""The ceiling of a cost under a fault, as a multiple of what it is without: a degraded cache kills by its costs."""


class Cost(NamedTuple):
    """A cost of a run that has a ceiling, beside what it is without the faults."""

    name: str
    value: float
    healthy: float
    free: float
    """The cost that is allowed at any rate: a healthy pod logs nothing, and a multiple of that forbids one warning."""

    @property
    def ceiling(self) -> float:
        return max(COST_TIMES_MAX * self.healthy, self.free)

    @property
    def is_kept(self) -> bool:
        return self.value <= self.ceiling


FREE = {"service_us": 0.0, "memory_peak_mb": 0.0, "log_bytes_per_request": 2.0}
"""The figures that are costs, with what is free: of the log a line for each hundred requests."""


class DrillVerdict(StrEnum):
    """The verdict on a strategy under a fault."""

    HELD = "held"
    BROKEN = "broken"
    FAILED = "fails, as it must"
    TOO_EASY = "too easy"
    """A negative control has held everything, so that the drill would say nothing of the others."""
    SHOWN = "shown"
    """It is not judged: it runs beside the others for comparison."""
    NOT_JUDGED = "not judged"

    @property
    def is_bad(self) -> bool:
        return self in {DrillVerdict.BROKEN, DrillVerdict.TOO_EASY}


@dataclass(frozen=True, slots=True)
class Judged:
    """One subject with its verdict."""

    subject: Subject
    verdict: DrillVerdict
    gates: Sequence[GateResult] = ()
    costs: Sequence[Cost] = ()
    why: str = ""
    """The reason why it is not judged."""

    @property
    def is_no_result(self) -> bool:
        """Whether it was run in vain; a drill that a world cannot do was not."""
        return self.verdict is DrillVerdict.NOT_JUDGED and bool(self.gates)


def judge(subject: Subject, row: RunSummary, healthy: RunSummary | None) -> Judged:
    """The verdict on a run, beside the one without faults where there is one. Raises `BadGate`."""
    rows = [{**row.as_dict(), "strategy": subject.name}]
    if healthy is not None:
        rows.append({**healthy.as_dict(), "strategy": HEALTHY})
    gates = judge_gates(
        [parse_gate(text).of(subject.name) for text in subject.scenario.gates], SavedRun(subject.scenario.name, rows)
    )
    costs = _costs(row, healthy) if healthy is not None and healthy.valid and row.valid else []
    if invalid := [one.invalid for one in gates if one.invalid]:
        return Judged(subject, DrillVerdict.NOT_JUDGED, gates, costs, invalid[0])
    holds = all(one.passed for one in gates)
    if subject.must_fail:
        return Judged(subject, DrillVerdict.TOO_EASY if holds else DrillVerdict.FAILED, gates, costs)
    if subject.is_shown:
        return Judged(subject, DrillVerdict.SHOWN, gates, costs)
    holds = holds and all(one.is_kept for one in costs)
    return Judged(subject, DrillVerdict.HELD if holds else DrillVerdict.BROKEN, gates, costs)


def _costs(row: RunSummary, healthy: RunSummary) -> list[Cost]:
    """The costs that are known of both runs: in virtual time none."""
    found = []
    for name, free in FREE.items():
        value, base = getattr(row, name), getattr(healthy, name)
        if value is not None and base is not None:
            found.append(Cost(name, value, base, free))
    return found
