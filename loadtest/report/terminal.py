"""A run on the terminal: the comparison in as many columns as it is wide for."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from loadtest.figures.run_summary import RunSummary
from loadtest.report.columns import Comparison, comparison
from loadtest.report.contents import Report
from loadtest.report.notes import notes
from loadtest.report.quoting import for_terminal

NAME_WIDTH_MAX = 24  # characters; a longer name folds, so that it costs the terminal's table no other column


def print_table(console: Console, summary: Report, baseline: str | None) -> None:
    """The comparison in as many columns as the console is wide for, then its sentences and notes."""
    if not summary.rows:
        console.print("No strategy was measured.", markup=False)
        return
    for sentence in summary.answer:
        console.print(for_terminal(sentence.text), soft_wrap=True)
    if summary.answer:
        console.print()
    rows = summary.lines
    shown = comparison(rows, baseline, summary.predictions)
    kept = list(range(len(shown.columns)))
    while _width(console, table := _terminal_table(shown, kept, rows)) > console.width:
        # of equals the last goes first, whatever the order of the table says
        if shown.columns[least := max(kept, key=lambda number: (shown.columns[number].rank, number))].rank == 0:
            break  # a terminal this narrow folds the cells
        kept.remove(least)
    console.print(table)
    if left_out := [heading for number, heading in enumerate(shown.headings) if number not in kept]:
        console.print(Text(f"Left out at this width: {', '.join(left_out)}. See report.md or report.html.", "dim"))
    for said in (*summary.outage, *summary.said):
        console.print(for_terminal(said), soft_wrap=True)
    for note in (*summary.missing, *notes(rows, summary.predictions)):
        console.print(for_terminal(f"! {note}", "yellow"), soft_wrap=True)


def _width(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(width=10_000), table).maximum


def _terminal_table(shown: Comparison, kept: Sequence[int], rows: Sequence[RunSummary]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number in kept:
        heading = Text(shown.columns[number].short.format(baseline=shown.baseline))
        if number == 0:
            table.add_column(heading, overflow="fold", max_width=NAME_WIDTH_MAX)
        else:
            table.add_column(heading, justify="right", overflow="fold", max_width=NAME_WIDTH_MAX // 2)
    for row, line in zip(rows, shown.lines, strict=True):
        cells = [Text(line[number]) for number in kept]
        if not row.valid:
            cells[0].append("\n(not valid)")
        table.add_row(*cells, style="red" if not row.valid else "dim" if row.is_reference else "")
    return table
