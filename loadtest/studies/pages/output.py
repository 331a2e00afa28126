"""The terminal's text of a command, as a page shows it."""

import io
from collections.abc import Sequence

from rich.console import Console

from app.discovery import Discovered
from loadtest.figures.repeats import medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report.answer.answer import answer
from loadtest.report.contents import Report
from loadtest.report.outage import outage_in_words
from loadtest.report.terminal import print_table
from loadtest.workload.scenario import Scenario

WIDTH = 80
NOTES = ("! ", "Left out at this width", "More columns, and what each means", "1 run of each")
"""The beginnings of lines that a page leaves out."""


def output(rows: Sequence[RunSummary], scenario: Scenario, found: Discovered) -> list[str]:
    """The lines of the report on a terminal, without its notes."""
    stream = io.StringIO()
    console = Console(file=stream, width=WIDTH, color_system=None, force_terminal=False)
    shown = medians(rows)
    contents = Report(shown, answer=answer(rows, scenario, found.baseline), outage=outage_in_words(shown, scenario))
    print_table(console, contents, found.baseline)
    lines, is_note, last = [], False, ""
    for line in stream.getvalue().splitlines():
        goes_on = is_note and not last.endswith(".")
        is_note, last = goes_on or line.startswith(NOTES), line
        if not is_note:
            lines.append(line.rstrip())
    return lines
