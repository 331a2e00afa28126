"""The runs that a row's figures stand on, in words: the same on the terminal, in Markdown, in HTML and live."""

from collections.abc import Sequence

from loadtest.figures.repeats import Medians


def runs_counted(row: Medians) -> str:
    """The words beside a strategy's name; empty where every run of it is a result."""
    if row.valid:
        return ""
    if row.left_out:
        return f"{row.repeats - row.left_out} of {row.repeats} runs valid"
    return "not valid" if row.repeats == 1 else f"none of {row.repeats} runs valid"


def medians_of(rows: Sequence[Medians]) -> str:
    """The rule of the figures of a table: of which runs they are the medians."""
    least, most = (end((row.repeats for row in rows), default=1) for end in (min, max))
    if most == 1:
        return "One run of each strategy"
    told = f"Medians of {most if least == most else f'{least} to {most}'} runs of each strategy"
    if any(row.left_out for row in rows):
        told += "; where not all are valid, of the valid ones alone"
    if any(not row.is_result and row.repeats > 1 for row in rows):
        told += "; where none is valid, of all"
    return told


def has_left_out(rows: Sequence[Medians]) -> bool:
    """Whether a row of several runs has one that is no result."""
    return any(not row.valid and row.repeats > 1 for row in rows)
