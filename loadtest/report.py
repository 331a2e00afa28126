"""A run as something to read: the comparison on the terminal, report.md for a pull request, report.html for the eye."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from loadtest import chart
from loadtest.comparison import LEGEND, Comparison, comparison, notes
from loadtest.markdown import markdown_table
from loadtest.measure import Row, Series
from loadtest.quoting import for_markdown, for_terminal
from loadtest.results import write_whole
from loadtest.scenario import Scenario
from loadtest.workload import sentence, tuning, virtual_world

VIRTUAL = {"world": "virtual time", "redis": "simulated"}
"""What is known of the surroundings of a run that was simulated, whatever machine did it."""
NAME_WIDTH_MAX = 24  # characters; a longer name folds, so that it costs the terminal's table no other column


@dataclass(frozen=True, slots=True)
class Summary:
    """A run to look at: a row per strategy, the bounds that were run beside them, and the sentences that it allows."""

    rows: Sequence[Row]
    bounds: Sequence[Row] = ()
    said: Sequence[str] = ()
    missing: Sequence[str] = ()
    """What the reader has to know is not there, and why."""

    @property
    def lines(self) -> list[Row]:
        """The table's: the bounds, then the strategies."""
        return [*self.bounds, *self.rows]


def print_table(console: Console, summary: Summary, baseline: str | None) -> None:
    """The comparison in as many columns as the console is wide for, then what it says and the notes."""
    if not summary.rows:
        console.print("No strategy was measured.", markup=False)
        return
    rows = summary.lines
    shown = comparison(rows, baseline)
    kept = list(range(len(shown.columns)))
    while _width(console, table := _terminal_table(shown, kept, rows)) > console.width:
        # of equals the last goes first, whatever the order of the table says
        if shown.columns[least := max(kept, key=lambda number: (shown.columns[number].rank, number))].rank == 0:
            break  # a terminal this narrow folds the cells
        kept.remove(least)
    console.print(table)
    if left_out := [heading for number, heading in enumerate(shown.headings) if number not in kept]:
        console.print(Text(f"Left out at this width: {', '.join(left_out)}. See report.md or report.html.", "dim"))
    for said in summary.said:
        console.print(for_terminal(said), soft_wrap=True)
    for note in (*summary.missing, *notes(rows)):
        console.print(for_terminal(f"! {note}", "yellow"), soft_wrap=True)


def _width(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(width=10_000), table).maximum


def _terminal_table(shown: Comparison, kept: Sequence[int], rows: Sequence[Row]) -> Table:
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
        table.add_row(*cells, style="red" if not row.valid else "dim" if row.is_bound else "")
    return table


def stamp(environment: Mapping[str, Any], scenario: Scenario) -> list[tuple[str, str]]:
    """What it takes to run this again: a label and a text for everything that is known of the run."""
    machine = environment.get("machine")
    known = dict(environment)
    if isinstance(machine, Mapping):
        units = {"cores": "{} cores", "memory_gib": "{} GiB"}
        known["machine"] = ", ".join(units.get(name, "{}").format(value) for name, value in machine.items())
    known["tuned"] = tuning(scenario)
    known["slow"] = f"a second in which 1 % took longer than {scenario.slow_ms:g} ms"
    if known.get("world") == VIRTUAL["world"]:
        known["assumed"] = virtual_world(scenario)
    return [(name.replace("_", " "), _flat(value)) for name, value in known.items() if value not in ("", None, {}, [])]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _markdown_table(shown: Comparison, rows: Sequence[Row]) -> list[str]:
    marks = ["" if row.valid else " **(not valid)**" for row in rows]
    lines = [
        [for_markdown(line[0]) + mark, *map(for_markdown, line[1:])]
        for line, mark in zip(shown.lines, marks, strict=True)
    ]
    return markdown_table([*map(for_markdown, shown.headings)], lines, str, numbers=True)


def markdown(summary: Summary, environment: Mapping[str, Any], scenario: Scenario, baseline: str | None) -> str:
    rows = summary.lines
    table = _markdown_table(comparison(rows, baseline), rows) if rows else ["No strategy was measured."]
    found = [f"- {for_markdown(note)}" for note in notes(rows)]
    return "\n".join(
        [
            f"## {for_markdown(scenario.title)}",
            "",
            *(line for one in summary.missing for line in (f"**{for_markdown(one)}**", "")),
            for_markdown(sentence(scenario)),
            "",
            *table,
            "",
            *(["**In words**", "", *(f"- {for_markdown(one)}" for one in summary.said), ""] if summary.said else []),
            *(["**Notes**", "", *found, ""] if found else []),
            for_markdown(LEGEND),
            "",
            *(f"- {for_markdown(name)}: {for_markdown(text)}" for name, text in stamp(environment, scenario)),
            "",
        ]
    )


def write_report(
    folder: Path,
    summary: Summary,
    series: Mapping[str, Series],
    environment: Mapping[str, Any],
    scenario: Scenario,
    baseline: str | None,
) -> None:
    """Write report.html and report.md into `folder`. `series` is by strategy. Raises OSError."""
    write_html(folder, summary, series, environment, scenario, baseline)
    write_markdown(folder, summary, environment, scenario, baseline)


def write_html(
    folder: Path,
    summary: Summary,
    series: Mapping[str, Series],
    environment: Mapping[str, Any],
    scenario: Scenario,
    baseline: str | None,
) -> None:
    shown = comparison(summary.lines, baseline)
    page = chart.page(
        title=scenario.title,
        sentence=sentence(scenario),
        rows=summary.rows,
        series=series,
        headings=shown.headings,
        tabled=list(zip(summary.lines, shown.lines, strict=True)),
        legend=LEGEND,
        said=summary.said,
        notes=notes(summary.rows),
        stamp=stamp(environment, scenario),
        missing=summary.missing,
        faults=scenario.faults,
    )
    write_whole(folder / "report.html", page)


def write_markdown(
    folder: Path, summary: Summary, environment: Mapping[str, Any], scenario: Scenario, baseline: str | None
) -> None:
    write_whole(folder / "report.md", markdown(summary, environment, scenario, baseline))
