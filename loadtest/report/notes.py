"""The notes of a report: what a reader must know beside the figures, the same in every form."""

from collections.abc import Iterator, Sequence

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
PLANNED = "planned: "
"""The words before a fault that was planned."""


def _bounded(texts: Sequence[str]) -> list[str]:
    """At most `NOTES_MAX` of the texts, each shortened: they quote logs."""
    left_out = len(texts) - NOTES_MAX
    return [*map(quoted, texts[:NOTES_MAX]), *([f"and {left_out:,} more, see summary.json"] if left_out > 0 else [])]


def notes(rows: Sequence[Medians], predictions: Predictions = {}) -> list[str]:  # noqa: B006
    """Notes beside the figures: planned faults, runs that are no result and their incidents, kinds of wrong answers.

    One that holds for several rows stands once, with all their names; a fault that was planned for every row has none.
    """
    told: dict[str, list[str]] = {}
    for row in rows:
        for note in _of_row(row, predictions.get(row.strategy)):
            told.setdefault(note, []).append(row.strategy)
    found = explained(row.strategy for row in rows)
    for note, names in told.items():
        is_everyones = note.startswith(PLANNED) and len(names) == len(rows) > 1
        found.append(note if is_everyones else f"{', '.join(names)}: {note}")
    if any(row.assumed for row in rows):
        found.append(_WHAT_IS_ASSUMED)
    return found


def _of_row(row: Medians, prediction: object) -> Iterator[str]:
    yield from (f"{PLANNED}{fault}" for fault in _bounded([str(fault["what"]) for fault in row.planned_faults]))
    if row.left_out:
        yield f"{row.left_out} of {row.repeats} runs left out as not valid"
    elif not row.valid:
        yield "not a valid result" + ("" if row.incidents else "; no reason was recorded")
    yield from _bounded(row.incidents)
    if row.wrong_answer_kinds:
        kinds = (f"{worst(row, f'wrong_answer_kinds.{kind}')} {quoted(kind)}" for kind in row.wrong_answer_kinds)
        yield f"wrong answers: {', '.join(kinds)}"
    if row.nets:
        yield f"nets: {', '.join(f'{name} {count:,}' for name, count in row.nets.items())}"
    yield from _bounded(row.notes)
    if isinstance(prediction, str):
        yield f"theory: silent, because {prediction}"
