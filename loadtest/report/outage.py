"""The outage of a run in words, and the cells of its figures in the comparison."""

import math
from collections.abc import Sequence

from loadtest.figures.run_summary import NEVER, RunSummary
from loadtest.report.marks import marked
from loadtest.workload.scenario import Scenario


def listed(names: Sequence[str]) -> str:
    """The names as one says them: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def has_outage(row: RunSummary) -> bool:
    """Whether a run has figures of an outage: it had a trigger, or clients that give up or retry."""
    return row.failed_during is not None or row.attempts is not None


def back_after(row: RunSummary) -> str:
    """The time to recover as a table has it; empty for a run without a trigger."""
    if row.failed_during is None:
        return ""
    if row.recovers_after_s is None:
        return "–"
    return NEVER if row.recovers_after_s == math.inf else f"{row.recovers_after_s:.1f}"


def outage_in_words(rows: Sequence[RunSummary], scenario: Scenario) -> list[str]:
    """A sentence on who came back after the trigger; none without one."""
    if (trigger := scenario.trigger) is None:
        return []
    by_end: dict[str, list[str]] = {}
    for row in rows:
        by_end.setdefault(_came_back(row, scenario.duration_s - trigger.end_s), []).append(marked(row.strategy))
    told = [f"{listed(names)} {_of(names, end)}" for end, names in by_end.items()]
    moment = trigger.begin_s == trigger.end_s
    span = f"at {trigger.begin_s:g} s" if moment else f"from {trigger.begin_s:g} to {trigger.end_s:g} s"
    return [f"After the trigger ({span}): {'; '.join(told)}."] if told else []


def _of(names: Sequence[str], end: str) -> str:
    """The end in the number of its names."""
    plural = {"was": "were", "is": "are"}
    verb, _, rest = end.partition(" ")
    return end if len(names) == 1 else f"{plural.get(verb, verb)} {rest}"


def _came_back(row: RunSummary, left_s: float) -> str:
    if row.recovers_after_s is None:
        return "is not known to have come back: the run ended too early, or had no good time before"
    if row.recovers_after_s == math.inf:
        return f"never came back in the {left_s:g} s after it"
    return f"was back after {row.recovers_after_s:g} s" if row.recovers_after_s else "was back at once"
