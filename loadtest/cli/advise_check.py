"""`lab advise --check`: the advised strategy and the baseline as real processes, beside the same in virtual time."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from app.discovery import Discovered
from loadtest.cli.advise_outputs import in_virtual_time, planned
from loadtest.cli.conduct import real, run_in
from loadtest.cli.running import guarded
from loadtest.cli.terminal import console, print_text, warn
from loadtest.figures.run_folder import keep_figures, keep_plan
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.figures.whole_file import write_whole
from loadtest.studies.advise.advice import Ranked
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.small_service import LASTS_S, RATE_MAX, small
from loadtest.studies.calibration.calibration import LEGEND, SHORT, Calibration, all_agree, beside, calibrate
from loadtest.workload.planned_run import PlannedRun

CHECK_FOLDER = "check"
RATE_PER_CORE = 150.0
"""Requests per second that a core of a laptop surely serves and sends, in all processes of a run together."""
CheckRate = Annotated[
    float | None,
    typer.Option(min=1, max=10_000, help="Requests/s of the check. Default: 150 for each core, 300 at most."),
]
CheckFor = Annotated[float, typer.Option(min=5, max=600, help="Seconds of each native run of the check.")]


def check_advice(
    best: Ranked,
    service: Service,
    found: Discovered,
    folder: Path,
    seed: int,
    rate_per_s: float | None = None,
    lasts_s: float = LASTS_S,
) -> bool:
    """Run both natively and in virtual time, and tell whether the figures agree by the tolerances of calibration."""
    made = small(service, rate_per_s or min(RATE_MAX, RATE_PER_CORE * (os.cpu_count() or 1)), lasts_s)
    console.print("\n[bold]Checked by real processes[/]")
    for sentence in made.changes:
        print_text(f"- {sentence}")
    if reason := made.scenario.why_not_in("native"):
        warn([f"--check: {reason}"])
        return False
    place = folder.absolute() / CHECK_FOLDER
    place.mkdir()
    measured = _measured(place, planned(made, best, found, seed))
    simulated = in_virtual_time(beside(measured))
    compared = [
        one
        for run in measured
        for one in calibrate(
            run.run.scenario, found.choosable[run.run.strategy], run.summary, simulated[run.run.strategy]
        )
    ]
    write_whole(place / "calibration.json", json.dumps([one.as_dict() for one in compared], indent=2))
    _print(compared)
    not_results = [f"{run.summary.strategy}: {event}" for run in measured for event in run.summary.incidents]
    warn(not_results)
    return all(run.summary.valid for run in measured) and all_agree(compared)


def _measured(place: Path, runs: list[PlannedRun]) -> list[Finished]:
    keep_plan(place, runs)
    so_far: list[RunSummary] = []

    def keep(one: Finished) -> None:
        so_far.append(one.summary)
        keep_figures(place, so_far)

    with real("native", lambda _: place, "lab advise --check") as shown:
        finished: list[Finished] = guarded(run_in(shown, runs, keep))
    return finished


def _print(compared: list[Calibration]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("strategy", "figure", "measured", "simulated", "agrees"):
        table.add_column(heading, justify="left" if heading in {"strategy", "figure", "agrees"} else "right")
    for one in compared:
        digits = 0 if one.figure.startswith("origin") else 2
        verdict = "yes" if one.agrees else "[red]no[/]" if one.decides else "no (decides nothing)"
        figures = (f"{one.measured:,.{digits}f}", f"{one.simulated:,.{max(1, digits)}f}")
        table.add_row(one.strategy, SHORT[one.figure], *figures, verdict)
    console.print(table)
    print_text(LEGEND)
