"""What the terminal shows of a run that is over: its comparison, what could not be made, and where the report is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.discovery import Discovered
from loadtest.cli.terminal import console, errors, named
from loadtest.report import Summary, print_table
from loadtest.results import Measured
from loadtest.scenario import Scenario
from loadtest.summarise import write_results


def report(
    folder: Path,
    finished: Sequence[Measured],
    workload: Scenario,
    about: Mapping[str, Any],
    found: Discovered,
    missing: Sequence[str] = (),
) -> None:
    """Keep the figures, write the reports, and show them. Raises OSError where the figures cannot be kept."""
    show(folder, write_results(folder, finished, workload, about, found, missing), found)


def show(folder: Path, summary: Summary, found: Discovered) -> None:
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
