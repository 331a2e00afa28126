"""`lab report`: figures and reports of a run again, from its raw records."""

from pathlib import Path
from typing import Annotated

import typer

from loadtest.cli.inputs import discovered
from loadtest.cli.options import LATEST
from loadtest.cli.running import guarded_here, show
from loadtest.cli.terminal import exit_unless_valid, fail
from loadtest.figures.from_records import all_valid
from loadtest.report.write import NothingToSummarise, summarise_folder


def report(folder: Annotated[Path, typer.Argument(help="The run's directory.")] = LATEST) -> None:
    """Make figures and reports of a run again, from the raw records in its directory."""
    if not folder.is_dir():
        fail(f"{folder}: there is no such run directory")
    found = discovered(bounds=True)
    with guarded_here():
        try:
            summary, rows = summarise_folder(folder.resolve(), found)
        except NothingToSummarise as error:
            fail(error)
    show(folder, summary, found)
    exit_unless_valid(all_valid(rows))
