"""A run as report.html, for the eye."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.figures.run_folder import write_whole
from loadtest.figures.run_summary import Series
from loadtest.report import chart
from loadtest.report.columns import LEGEND, comparison, notes
from loadtest.report.contents import Report, stamp
from loadtest.report.workload_in_words import sentence
from loadtest.workload.scenario import Scenario


def write_html(
    folder: Path,
    summary: Report,
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
