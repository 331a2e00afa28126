"""What the terminal shows of a run that is over: its comparison, what could not be made, and where the report is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.discovery import Discovered
from loadtest.cli.terminal import console, errors, named, warn
from loadtest.figures.from_records import Measured
from loadtest.figures.repeats import medians
from loadtest.figures.run_folder import keep_figures
from loadtest.report.contents import Report
from loadtest.report.terminal import print_table
from loadtest.report.write import write_results
from loadtest.workload.scenario import Scenario


def keep_so_far(folder: Path, finished: Sequence[Measured]) -> None:
    """The figures of a run that goes on, which it also does where they cannot be kept just now."""
    try:
        keep_figures(folder, [row for _, row, _ in finished])
    except OSError as error:
        warn([f"{folder / 'summary.json'} could not be written: {error.strerror or error}"])


def report(
    folder: Path,
    finished: Sequence[Measured],
    workload: Scenario,
    about: Mapping[str, Any],
    found: Discovered,
    missing: Sequence[str] = (),
) -> None:
    """Keep the figures, write the reports, and show them. Raises OSError where the figures cannot be kept: then the
    terminal is all that has them."""
    try:
        summary = write_results(folder, finished, workload, about, found, missing)
    except OSError:
        show(folder, Report(medians([row for _, row, _ in finished]), missing=missing), found)
        raise
    show(folder, summary, found)


def show(folder: Path, summary: Report, found: Discovered) -> None:
    """A terminal that is gone, or a table that cannot be drawn, takes nothing from what is on disk."""
    try:
        print_table(console, summary, found.baseline)
        if (folder / "report.html").exists():
            console.print(f"Report: {named(folder / 'report.html')}", soft_wrap=True, highlight=False)
    except Exception as error:
        try:
            errors.print(f"The table could not be shown: {error!r}. The figures are in {folder}", markup=False)
        except OSError:
            pass
