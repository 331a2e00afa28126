"""A run as report.md, for a pull request."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtest.figures.repeats import Medians
from loadtest.figures.whole_file import write_whole
from loadtest.report.answer.sentence import Sentence
from loadtest.report.columns import OUTAGE_COLUMNS, OUTAGE_TABLE, STEADY_COLUMNS, Comparison, comparison, legend
from loadtest.report.contents import Report, stamp
from loadtest.report.intervals_shown import with_intervals
from loadtest.report.markdown_table import markdown_table
from loadtest.report.notes import notes
from loadtest.report.outage import has_outage
from loadtest.report.quoting import for_markdown
from loadtest.report.rendering import CellShown
from loadtest.report.runs_counted import has_left_out, medians_of, runs_counted
from loadtest.report.workload_in_words import sentence
from loadtest.workload.scenario import Scenario

_FIRST = tuple(column for column in STEADY_COLUMNS if column.is_first)


def _markdown_table(shown: Comparison, rows: Sequence[Medians]) -> list[str]:
    marks = [f" **({told})**" if (told := runs_counted(row)) else "" for row in rows]
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


def _answered(sentence: Sentence) -> str:
    text = for_markdown(sentence.text)
    return f"**{text}**" if sentence.advises else text


def _in_one_line(cell: CellShown) -> str:
    return f"{cell.text} ({cell.interval})" if cell.interval else cell.text


def _all_columns(summary: Report, baseline: str | None) -> list[str]:
    """All columns and their words, folded, because a page has no room for them."""
    if not summary.lines:
        return []
    shown = comparison(summary.lines, baseline, summary.predictions, STEADY_COLUMNS)
    table = _markdown_table(shown, summary.lines)
    words = for_markdown(legend(shown.columns))
    return ["<details><summary>All columns</summary>", "", *table, "", words, "", "</details>", ""]


def markdown(summary: Report, environment: Mapping[str, Any], scenario: Scenario, baseline: str | None) -> str:
    rows = summary.lines
    shown = comparison(rows, baseline, columns=_FIRST)
    told = with_intervals(shown, rows, summary.runs)
    lines = [[name, *map(_in_one_line, cells)] for name, cells in told]
    table = _markdown_table(replace(shown, lines=lines), rows) if rows else ["No strategy was measured."]
    in_outage = OUTAGE_COLUMNS if any(map(has_outage, rows)) else ()
    found = [f"- {for_markdown(note)}" for note in notes(rows, summary.predictions)]
    return "\n".join(
        [
            f"## {for_markdown(scenario.title)}",
            "",
            *(line for one in summary.missing for line in (f"**{for_markdown(one)}**", "")),
            *(line for one in summary.answer for line in (_answered(one), "")),
            for_markdown(sentence(scenario)),
            "",
            *table,
            "",
            *([f"{medians_of(rows)}.", ""] if has_left_out(rows) else []),
            *_outage(summary, baseline),
            *(["**In words**", "", *(f"- {for_markdown(one)}" for one in summary.said), ""] if summary.said else []),
            *(["**Notes**", "", *found, ""] if found else []),
            for_markdown(legend([*shown.columns, *in_outage])),
            "",
            *_all_columns(summary, baseline),
            "",
            *(
                f"- {for_markdown(name)}: {for_markdown(text)}"
                for name, text in stamp(environment, scenario, [row.strategy for row in rows])
            ),
            "",
        ]
    )


def write_markdown(
    folder: Path, summary: Report, environment: Mapping[str, Any], scenario: Scenario, baseline: str | None
) -> None:
    write_whole(folder / "report.md", markdown(summary, environment, scenario, baseline))
