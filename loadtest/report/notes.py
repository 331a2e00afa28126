"""The notes of a report: what a reader must know beside the figures, the same in every form."""

from collections.abc import Sequence

from loadtest.figures.plain_text import quoted
from loadtest.figures.repeats import Medians
from loadtest.report.cells import ASSUMED, worst
from loadtest.report.marks import explained
from loadtest.theory.predictions import Predictions

_WHAT_IS_ASSUMED = (
    f"{ASSUMED}: assumed, not simulated: a hit takes what the scenario says of the network, because virtual.service_us "
    "states no CPU time; no sentence and no gate stands on it"
)
NOTES_MAX = 20
"""The most incidents, and the most notes, that are quoted of one row."""


def _bounded(texts: Sequence[str]) -> list[str]:
    """At most `NOTES_MAX` of the texts, each shortened: they quote logs."""
    left_out = len(texts) - NOTES_MAX
    return [*map(quoted, texts[:NOTES_MAX]), *([f"and {left_out:,} more, see summary.json"] if left_out > 0 else [])]


def _planned(rows: Sequence[Medians]) -> list[str]:
    """The faults that were planned, with their moments: once where they were the same for all rows."""
    told = {row.strategy: [str(fault["what"]) for fault in row.planned_faults] for row in rows if row.planned_faults}
    if len(told) > 1 and len({tuple(faults) for faults in told.values()}) == 1:
        told = {"": next(iter(told.values()))}
    return [
        f"{strategy}{': ' if strategy else ''}planned: {fault}"
        for strategy, faults in told.items()
        for fault in _bounded(faults)
    ]


def notes(rows: Sequence[Medians], predictions: Predictions = {}) -> list[str]:  # noqa: B006
    """Notes beside the figures: planned faults, runs that are no result and their incidents, kinds of wrong answers."""
    found = [*explained(row.strategy for row in rows), *_planned(rows)]
    for row in rows:
        if not row.valid:
            found.append(f"{row.strategy}: not a valid result" + ("" if row.incidents else "; no reason was recorded"))
        found += [f"{row.strategy}: {incident}" for incident in _bounded(row.incidents)]
        if row.wrong_answer_kinds:
            wrong_answer_kinds = ", ".join(
                f"{worst(row, f'wrong_answer_kinds.{fault}')} {quoted(fault)}" for fault in row.wrong_answer_kinds
            )
            found.append(f"{row.strategy}: wrong answers: {wrong_answer_kinds}")
        if row.nets:
            found.append(f"{row.strategy}: nets: {', '.join(f'{name} {count:,}' for name, count in row.nets.items())}")
        found += [f"{row.strategy}: {note}" for note in _bounded(row.notes)]
        if isinstance(silent_because := predictions.get(row.strategy), str):
            found.append(f"{row.strategy}: theory: silent, because {silent_because}")
    if any(row.assumed for row in rows):
        found.append(_WHAT_IS_ASSUMED)
    return found
