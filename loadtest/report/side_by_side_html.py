"""Several runs in one page of HTML that needs no network."""

import os
from collections.abc import Sequence
from pathlib import Path

from loadtest.report import comparison as pairs
from loadtest.report.colours import colours
from loadtest.report.columns import legend
from loadtest.report.rendering import Line, render
from loadtest.report.side_by_side import LetteredRun, SideBySide
from loadtest.stats.compare_runs import Compared


def side_by_side_html(page: SideBySide, known: Sequence[str], folder: Path) -> str:
    """The page, with the colours of the `known` strategies; links lead from `folder` to each run's own report."""
    names = list(dict.fromkeys(row.strategy for run in page.runs for row in run.rows))
    inks = colours(known, names)
    shown = page.shown
    of_lines = [name for name in names for run in page.runs for row in run.rows if row.strategy == name]
    lines = [
        Line(name, cells, inks.get(strategy, "transparent"), not row.valid)
        for strategy, row, (name, *cells) in zip(of_lines, page.lines, shown.lines, strict=True)
    ]
    return render(
        "side_by_side.html",
        title=f"{len(page.runs)} runs side by side",
        sentence="A is what the others are compared with. Each letter is a run.",
        runs=[(run, link(run, folder)) for run in page.runs],
        difference_headings=page.headings,
        differences=[Line(name, values, "transparent", False) for name, *values in page.differences],
        headings=shown.headings,
        lines=lines,
        compared=[
            (run.letter, one, (), "", (), [])
            if isinstance(one, str)
            else (run.letter, one.conclusion, one.warnings, one.legend, pairs.headings(one), _findings(one))
            for run, one in page.compared
        ],
        legend=legend(shown.columns),
        said=(),
        notes=page.notes,
        stamp=(),
    )


def link(run: LetteredRun, folder: Path) -> str:
    """The way from the folder to the run's own report; empty where it has none."""
    report = Path(run.saved.name).absolute() / "report.html"
    return os.path.relpath(report, folder) if report.exists() else ""


def _findings(found: Compared) -> list[Line]:
    return [Line(name, values, "transparent", False) for name, *values in map(pairs.cells, found.findings)]
