"""`lab report`: figures and reports of a run again, from its raw records; `lab report A B …`: several in one page."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.cli.conduct import all_valid, show_table
from loadtest.cli.conduct import report as report_results
from loadtest.cli.document import tell
from loadtest.cli.inputs import discovered
from loadtest.cli.options import LATEST, RESULTS, Results, Wide
from loadtest.cli.report_several import report_several
from loadtest.cli.running import guarded
from loadtest.cli.terminal import exit_unless_valid, fail
from loadtest.experiment import experiment
from loadtest.figures.run_folder import read_plan
from loadtest.report.write import not_run
from loadtest.stats.saved_run import BadRun, need_folder
from loadtest.workload.scenario import read_scenario
from loadtest.worlds.stored import StoredWorld

OF_VIRTUAL_TIME = (
    "; a run in virtual time keeps them with --raw, and comes out the same whenever its command in environment.json "
    "is run again"
)


def report(
    runs: Annotated[
        list[str] | None, typer.Argument(help="The run's directory; of several, as for `lab compare`.")
    ] = None,
    results: Results = RESULTS,
    wide: Wide = False,
) -> None:
    """Make figures and reports of a run again, from the raw records in its directory; or one page of several runs.

    Several runs need no raw records: what differs between them, all strategies, and each beside the first.
    """
    names = runs or [str(LATEST)]
    if len(names) > 1:
        report_several(names, results)
        return
    _report_one(Path(names[0]), wide)


def _report_one(folder: Path, wide: bool) -> None:
    try:
        need_folder(folder)
    except BadRun as error:
        fail(error)
    found = discovered(references=True)
    folder = folder.resolve()
    tell(folder=str(folder))
    try:
        about = _environment(folder)
        if not (folder / "raw").is_dir():
            fail(f"{folder}: no raw records there (raw/){OF_VIRTUAL_TIME if about.get('world') else ''}")
        scenario = read_scenario(str(folder / "scenario.json"))
        planned = read_plan(folder, scenario)
        world = StoredWorld(folder)
    except OSError as error:
        also = _fault_of(folder / "summary.json")
        told = f"{folder}: no run of `lab bench` or `lab sim --raw` is there: {error.strerror}: {error.filename}"
        fail(f"{told}; {also}" if also else told)
    except ValueError as error:
        fail(f"{folder}: {error}")
    begun = sorted((run for run in planned if world.has(run)), key=lambda run: run.place(found))
    if not begun:
        fail(f"{folder}: no run was begun there")
    cut_short = [run for run in begun if world.is_cut_short(run)]
    ended = [run for run in begun if run not in cut_short]
    if not ended:
        fail(f"{folder}: no run came to its end there: {', '.join(run.label for run in cut_short)} cut short", code=3)
    finished = guarded(experiment(ended, world))
    shown = partial(show_table, wide=wide)
    report_results(folder, finished, scenario, about, found, not_run(planned, ended, cut_short), False, shown)
    exit_unless_valid(all_valid([one.summary for one in finished]))
    if cut_short:
        fail(f"what was cut short is no result: {', '.join(run.label for run in cut_short)}", code=3)


def _environment(folder: Path) -> dict[str, Any]:
    """The environment of the command that made the folder. Raises OSError, or ValueError naming the file."""
    try:
        about = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"environment.json: {error}") from None
    if not isinstance(about, dict):
        raise ValueError("environment.json: must be an object")
    return about


def _fault_of(path: Path) -> str:
    """The fault of a JSON file that is there and broken; empty for any other."""
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return ""
    except ValueError as error:
        return f"and {path.name} is broken: {error}"
    return ""
