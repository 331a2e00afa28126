"""A run as report.html, a page that needs no network. How it reads and looks is in `templates/`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.figures.run_summary import Series
from loadtest.figures.whole_file import write_whole
from loadtest.report.cells import ASSUMED
from loadtest.report.chart import course_charts
from loadtest.report.colours import colours
from loadtest.report.columns import FIRST_COLUMNS, OUTAGE_TABLE, STEADY_COLUMNS, Comparison, comparison, legend
from loadtest.report.contents import Report, stamp
from loadtest.report.dots_chart import dots_charts
from loadtest.report.embedding import Chart, chart
from loadtest.report.fault_marks import fault_marks
from loadtest.report.frontier.choice import of_rows
from loadtest.report.frontier.frontier_chart import figure, in_sentences, with_answers
from loadtest.report.intervals_shown import with_intervals
from loadtest.report.notes import notes
from loadtest.report.outage import has_outage
from loadtest.report.outage_chart import outage_charts
from loadtest.report.rendering import Line, render
from loadtest.report.run_again import run_again
from loadtest.report.runs_counted import medians_of, runs_counted
from loadtest.report.workload_in_words import brief, sentence
from loadtest.stats.intervals import LEVEL, REPEATS_MIN
from loadtest.workload.scenario import Scenario

COLUMNS_MAX = 6
"""The most courses beside each other; with more a needle would be thinner than a pixel."""
TRADED_MIN = 3
"""The fewest strategies between which there is something to trade."""


def write_html(
    folder: Path,
    report: Report,
    series: Mapping[str, Series],
    environment: Mapping[str, Any],
    scenario: Scenario,
    baseline: str | None,
    known: Sequence[str] = (),
) -> None:
    """Writes report.html, with the colours of the `known` strategies, the baseline first. Raises OSError."""
    place = f"{folder.parent.name}/{folder.name}"
    write_whole(
        folder / "report.html", report_page(report, series, environment, scenario, baseline, known, place=place)
    )


def report_page(
    report: Report,
    series: Mapping[str, Series],
    environment: Mapping[str, Any],
    scenario: Scenario,
    baseline: str | None,
    known: Sequence[str] = (),
    place: str = "",
) -> str:
    """The page of a run whose records are at that `place`, which its commands name."""
    shown = comparison(report.lines, baseline, report.predictions, STEADY_COLUMNS)
    first = comparison(report.lines, baseline, report.predictions, FIRST_COLUMNS)
    in_outage = comparison(report.lines, baseline, columns=OUTAGE_TABLE)
    inks = colours(known, [row.strategy for row in report.rows])
    marks = {row.strategy: fault_marks(row, scenario) for row in report.rows}
    is_outage = any(map(has_outage, report.rows))
    courses = course_charts(report.rows, series, inks, marks) if report.rows else []
    outages = outage_charts(report.rows, series, inks, marks, scenario.trigger) if is_outage else []
    scatters = len(report.rows) > 1 or any(row.repeats > 1 for row in report.rows)
    dots = dots_charts(report.rows, report.runs, inks) if scatters else []
    traded = _tradeoff(report, inks)
    return render(
        "report.html",
        [*(one.chart for one in dots), traded, *(one.chart for one in courses)],
        title=scenario.title,
        brief=brief(scenario),
        sentence=sentence(scenario),
        missing=report.missing,
        answer=report.answer,
        first_caption=_first_caption(report),
        first_headings=first.headings,
        first_lines=_first_lines(report, first, inks),
        headings=shown.headings,
        lines=_lines(report, shown, inks),
        words=legend([*shown.columns, *(in_outage.columns if is_outage else ())]),
        linked={line[0]: told.id for line, told in _with_texts(report, shown)},
        inks=inks,
        columns=_columns(len(courses)),
        courses=courses,
        has_repeats=any(run.reads_band is not None for run in series.values()),
        has_faults=any(marks.values()),
        has_retries=any(row.attempts is not None for row in report.rows),
        outage=report.outage,
        outage_courses=outages,
        outage_headings=in_outage.headings,
        outage_lines=_lines(report, in_outage, inks) if is_outage else [],
        dots=dots,
        has_intervals=_has_intervals(report),
        tradeoff=traded,
        has_assumed=any(row.assumed for row in report.rows),
        strategies=report.strategies,
        again=run_again(environment, place) if place else None,
        legend="",
        said=[],
        compared=report.said,
        notes=notes(report.rows, report.predictions),
        stamp=stamp(environment, scenario, [row.strategy for row in report.lines]),
    )


def _lines(report: Report, shown: Comparison, inks: Mapping[str, str]) -> list[Line]:
    return [
        Line(name, cells, inks.get(row.strategy, "transparent"), not row.is_result, runs_counted(row))
        for row, (name, *cells) in zip(report.lines, shown.lines, strict=True)
    ]


def _first_lines(report: Report, shown: Comparison, inks: Mapping[str, str]) -> list[Line]:
    """The lines of the first table, with the intervals that the repeats allow."""
    lines = zip(_lines(report, shown, inks), with_intervals(shown, report.lines, report.runs), strict=True)
    return [line._replace(cells=cells) for line, (_, cells) in lines]


def _with_texts(report: Report, shown: Comparison) -> list[tuple[Sequence[str], Any]]:
    """The lines of strategies that are told in words, each with that."""
    told = {one.name: one for one in report.strategies}
    return [
        (line, told[row.strategy]) for row, line in zip(report.lines, shown.lines, strict=True) if row.strategy in told
    ]


def _has_intervals(report: Report) -> bool:
    return any(row.repeats >= REPEATS_MIN for row in report.rows)


def _first_caption(report: Report) -> str:
    told = medians_of(report.lines)
    if _has_intervals(report):
        told += f", and below them their {100 * LEVEL:g} % intervals"
    return told + (f"; {ASSUMED}: assumed, not simulated" if any(row.assumed for row in report.lines) else "")


def _columns(charts: int) -> int:
    """The charts beside each other, in rows that are equally long."""
    return math.ceil(charts / math.ceil(charts / COLUMNS_MAX)) if charts else 1


def _tradeoff(report: Report, inks: Mapping[str, str]) -> Chart | None:
    """The frontier of the run's strategies, where there are enough to choose from."""
    found = of_rows(report.rows)
    if len(with_answers(found)) < TRADED_MIN:
        return None
    drawn = figure(found, inks, is_named=True)
    return chart(
        "tradeoff-chart", "Latency against origin reads, with the age of the answers", in_sentences(found), drawn
    )
