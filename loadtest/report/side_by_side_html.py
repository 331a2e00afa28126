"""Several runs in one page of HTML that needs no network."""

import os
from collections.abc import Sequence
from pathlib import Path

from loadtest.report import comparison as pairs
from loadtest.report.colours import colours
from loadtest.report.columns import Comparison, legend
from loadtest.report.dots_chart import dots_charts
from loadtest.report.intervals_shown import with_intervals
from loadtest.report.rendering import Line, render
from loadtest.report.runs_counted import medians_of, runs_counted
from loadtest.report.side_by_side import BY, LetteredRun, SideBySide
from loadtest.stats.compare_runs import Compared


def side_by_side_html(page: SideBySide, known: Sequence[str], folder: Path) -> str:
    """The page, with the colours of the `known` strategies; links lead from `folder` to each run's own report."""
    names = list(dict.fromkeys(row.strategy for run in page.runs for row in run.rows))
    by_name = colours(known, [name for name in names if name in known])
    inks = {row.strategy: by_name.get(row.strategy.partition(BY)[0], "transparent") for row in page.lines}
    rows = [row for row in page.lines if not row.is_reference]
    dots = dots_charts(rows, [run for run in page.repeats if not run.is_reference], inks)
    first, shown = page.first, page.shown
    first_lines = zip(_lines(page, first, inks), with_intervals(first, page.lines, page.repeats), strict=True)
    return render(
        "side_by_side.html",
        [one.chart for one in dots],
        title=f"{len(page.runs)} runs side by side",
        sentence="A is what the others are compared with. Each letter is a run.",
        runs=[(run, link(run, folder)) for run in page.runs],
        difference_headings=page.headings,
        differences=[Line(name, values, "transparent", False) for name, *values in page.differences],
        first_caption=f"The first figures of each strategy in each run. {medians_of(page.lines)}",
        first_headings=first.headings,
        first_lines=[line._replace(cells=cells) for line, (_, cells) in first_lines],
        headings=shown.headings,
        lines=_lines(page, shown, inks),
        dots=dots,
        compared=[
            (run.letter, one, (), "", (), [], False)
            if isinstance(one, str)
            else (
                *(run.letter, one.conclusion, one.warnings, one.legend),
                *(pairs.headings(one), _findings(one), one.is_telling),
            )
            for run, one in page.compared
        ],
        words=legend(shown.columns),
        legend="",
        said=(),
        notes=page.notes,
        stamp=(),
    )


def link(run: LetteredRun, folder: Path) -> str:
    """The way from the folder to the run's own report; empty where it has none."""
    report = Path(run.saved.name).absolute() / "report.html"
    return os.path.relpath(report, folder) if report.exists() else ""


def _lines(page: SideBySide, shown: Comparison, inks: dict[str, str]) -> list[Line]:
    return [
        Line(name, cells, inks[row.strategy], not row.is_result, runs_counted(row))
        for row, (name, *cells) in zip(page.lines, shown.lines, strict=True)
    ]


def _findings(found: Compared) -> list[Line]:
    return [Line(name, values, "transparent", False) for name, *values in map(pairs.cells, found.findings)]
