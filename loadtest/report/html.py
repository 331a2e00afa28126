"""A run as report.html, a page that needs no network. How it reads and looks is in `templates/`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loadtest.figures.plain_text import plain
from loadtest.figures.run_summary import Series
from loadtest.figures.whole_file import write_whole
from loadtest.report.chart import figure
from loadtest.report.colours import colours
from loadtest.report.columns import OUTAGE_TABLE, STEADY_COLUMNS, Comparison, comparison, legend
from loadtest.report.contents import Report, stamp
from loadtest.report.embedding import embedded
from loadtest.report.fault_marks import fault_marks
from loadtest.report.notes import notes
from loadtest.report.outage import has_outage
from loadtest.report.outage_chart import outage_figure
from loadtest.report.workload_in_words import sentence
from loadtest.workload.scenario import Scenario


class Line(NamedTuple):
    """A line of a table: a strategy and its figures."""

    name: str
    cells: Sequence[str]
    colour: str
    is_bad: bool


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
    shown = comparison(report.lines, baseline, report.predictions, STEADY_COLUMNS)
    in_outage = comparison(report.lines, baseline, columns=OUTAGE_TABLE)
    inks = colours(known, [row.strategy for row in report.rows])
    marks = {row.strategy: fault_marks(row, scenario) for row in report.rows}
    chart = figure(report.rows, series, inks, marks) if report.rows else None
    outage = outage_figure(report.rows, series, inks, marks, scenario.trigger) if _has_outage(report) else None
    page = render(
        "report.html",
        title=scenario.title,
        sentence=sentence(scenario),
        missing=report.missing,
        answer=[one.text for one in report.answer],
        has_repeats=any(run.highest_reads is not None for run in series.values()),
        has_faults=any(marks.values()),
        has_retries=any(row.attempts is not None for row in report.rows),
        chart="" if chart is None else Markup(embedded(chart)),
        outage_chart="" if outage is None else Markup(embedded(outage, "outage", brings_script=False)),
        outage=report.outage,
        headings=shown.headings,
        lines=_lines(report, shown, inks),
        outage_headings=in_outage.headings,
        outage_lines=_lines(report, in_outage, inks) if _has_outage(report) else [],
        legend=legend([*shown.columns, *(in_outage.columns if _has_outage(report) else ())]),
        said=report.said,
        notes=notes(report.rows, report.predictions),
        stamp=stamp(environment, scenario),
    )
    write_whole(folder / "report.html", page)


def _lines(report: Report, shown: Comparison, inks: Mapping[str, str]) -> list[Line]:
    return [
        Line(name, cells, inks.get(row.strategy, "transparent"), not row.valid)
        for row, (name, *cells) in zip(report.lines, shown.lines, strict=True)
    ]


def _has_outage(report: Report) -> bool:
    return any(map(has_outage, report.rows))


def render(template: str, **stated: Any) -> str:
    """The page that a template makes of what is stated; all text in it is made plain and escaped."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else plain(str(value)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["breakable"] = lambda name: Markup("_<wbr>").join(plain(name).split("_"))
    return pages.get_template(template).render(stated)
