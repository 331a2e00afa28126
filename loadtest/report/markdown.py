"""A run as report.md, for a pull request."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.figures.run_summary import RunSummary
from loadtest.figures.whole_file import write_whole
from loadtest.report.columns import OUTAGE_COLUMNS, OUTAGE_TABLE, STEADY_COLUMNS, Comparison, comparison, legend
from loadtest.report.contents import Report, stamp
from loadtest.report.markdown_table import markdown_table
from loadtest.report.notes import notes
from loadtest.report.outage import has_outage
from loadtest.report.quoting import for_markdown
from loadtest.report.workload_in_words import sentence
from loadtest.workload.scenario import Scenario


def _markdown_table(shown: Comparison, rows: Sequence[RunSummary]) -> list[str]:
    marks = ["" if row.valid else " **(not valid)**" for row in rows]
    lines = [
        [for_markdown(line[0]) + mark, *map(for_markdown, line[1:])]
        for line, mark in zip(shown.lines, marks, strict=True)
    ]
    return markdown_table([*map(for_markdown, shown.headings)], lines, str, numbers=True)


def _outage(summary: Report, baseline: str | None) -> list[str]:
    """The figures of an outage in a table of their own, because one with all columns is too wide to read."""
    if not any(map(has_outage, summary.lines)):
        return []
    table = _markdown_table(comparison(summary.lines, baseline, columns=OUTAGE_TABLE), summary.lines)
    return ["**Outage**", "", *(line for one in summary.outage for line in (for_markdown(one), "")), *table, ""]


def markdown(summary: Report, environment: Mapping[str, Any], scenario: Scenario, baseline: str | None) -> str:
    rows = summary.lines
    shown = comparison(rows, baseline, summary.predictions, STEADY_COLUMNS)
    table = _markdown_table(shown, rows) if rows else ["No strategy was measured."]
    in_outage = OUTAGE_COLUMNS if any(map(has_outage, rows)) else ()
    found = [f"- {for_markdown(note)}" for note in notes(rows, summary.predictions)]
    return "\n".join(
        [
            f"## {for_markdown(scenario.title)}",
            "",
            *(line for one in summary.missing for line in (f"**{for_markdown(one)}**", "")),
            *(line for one in summary.answer for line in (for_markdown(one.text), "")),
            for_markdown(sentence(scenario)),
            "",
            *table,
            "",
            *_outage(summary, baseline),
            *(["**In words**", "", *(f"- {for_markdown(one)}" for one in summary.said), ""] if summary.said else []),
            *(["**Notes**", "", *found, ""] if found else []),
            for_markdown(legend([*shown.columns, *in_outage])),
            "",
            *(f"- {for_markdown(name)}: {for_markdown(text)}" for name, text in stamp(environment, scenario)),
            "",
        ]
    )


def write_markdown(
    folder: Path, summary: Report, environment: Mapping[str, Any], scenario: Scenario, baseline: str | None
) -> None:
    write_whole(folder / "report.md", markdown(summary, environment, scenario, baseline))
