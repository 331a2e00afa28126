"""A run on the terminal: its answer, and the comparison in as many columns as it is wide for."""

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from loadtest.figures.repeats import Medians
from loadtest.report.columns import COLUMNS, FIRST_COLUMNS, Comparison, comparison
from loadtest.report.contents import Report
from loadtest.report.intervals_shown import with_intervals
from loadtest.report.notes import notes
from loadtest.report.quoting import for_terminal
from loadtest.report.rendering import CellShown
from loadtest.report.runs_counted import has_left_out, medians_of, runs_counted

MORE = "More columns, and what each means: report.html, report.md; more of them here: --wide."
"""The words that tell where the other columns are."""
UNDER_IT = "Under a median: its 95 % interval. "
"""The words that tell the second line of a cell."""
Lines = Sequence[tuple[str, Sequence[CellShown]]]
"""A name and its cells, for each line of the table."""
NAME_WIDTH_MAX = 24  # characters; a longer name folds, so that it costs the terminal's table no other column
HEADING_WIDTH_MAX = 12  # characters; a longer heading folds, but no figure does


def print_table(console: Console, summary: Report, baseline: str | None, wide: bool = False) -> None:
    """The answer, the comparison in its first columns, then sentences and notes.

    `wide` shows as many columns as the console is wide for.
    """
    if not summary.rows:
        console.print("No strategy was measured.", markup=False)
        return
    _print_answer(console, summary)
    rows = summary.lines
    of = COLUMNS if wide else FIRST_COLUMNS
    shown = comparison(rows, baseline, summary.predictions, of)
    told_lines = with_intervals(shown, rows, summary.runs)
    kept = list(range(len(shown.columns)))
    while _width(console, table := _terminal_table(shown, told_lines, kept, rows)) > console.width:
        # of equals the last goes first, whatever the order of the table says
        if shown.columns[least := max(kept, key=lambda number: (shown.columns[number].rank, number))].rank == 0:
            break  # a terminal this narrow folds the cells
        kept.remove(least)
    console.print(table)
    if has_left_out(rows):
        console.print(Text(f"{medians_of(rows)}.", "dim"), soft_wrap=True)
    if left_out := [heading for number, heading in enumerate(shown.headings) if number not in kept]:
        console.print(Text(f"Left out at this width: {', '.join(left_out)}. See report.md or report.html.", "dim"))
    if not wide:
        has_intervals = any(cell.interval for _, line in told_lines for cell in line)
        console.print(Text(f"{UNDER_IT if has_intervals else ''}{MORE}", "dim"))
    if summary.answer and not wide and summary.said:
        console.print(
            Text(f"{len(summary.said)} comparisons with the baseline, in words: --wide, or the report.", "dim")
        )
        told: Sequence[str] = ()
    else:
        told = summary.said if summary.answer else (*summary.outage, *summary.said)
    for said in told:
        console.print(for_terminal(said), soft_wrap=True)
    for note in (*summary.missing, *notes(rows, summary.predictions)):
        console.print(for_terminal(f"! {note}", "yellow"), soft_wrap=True)


def _print_answer(console: Console, summary: Report) -> None:
    for sentence in summary.answer:
        console.print(for_terminal(sentence.text, "bold" if sentence.advises else ""))
    if summary.answer:
        console.print()


def _width(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(width=10_000), table).maximum


def _terminal_table(shown: Comparison, lines: Lines, kept: Sequence[int], rows: Sequence[Medians]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    figures = [[_in_two_lines(told[number - 1]) for number in kept[1:]] for _, told in lines]
    for place, number in enumerate(kept):
        heading = Text(shown.columns[number].short.format(baseline=shown.baseline))
        if number == 0:
            table.add_column(heading, overflow="fold", max_width=NAME_WIDTH_MAX)
        else:
            widest = max((cell_len(text) for line in figures for text in line[place - 1].splitlines()), default=0)
            table.add_column(heading, justify="right", overflow="fold", max_width=max(HEADING_WIDTH_MAX, widest))
    for row, (name, _), own in zip(rows, lines, figures, strict=True):
        cells = [Text(name), *map(Text, own)]
        if told := runs_counted(row):
            cells[0].append(f"\n({told})")
        table.add_row(*cells, style="red" if not row.is_result else "dim" if row.is_reference else "")
    return table


def _in_two_lines(cell: CellShown) -> str:
    """The cell with its interval under it, because two lines take less room than a long one."""
    return f"{cell.text}\n{cell.interval.replace(' to ', '–')}" if cell.interval else cell.text
