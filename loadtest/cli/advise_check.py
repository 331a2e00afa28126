"""`lab advise --check`: the advised strategy and the baseline as real processes, beside the same in virtual time."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from app.discovery import Discovered
from loadtest.cli.advise_outputs import planned
from loadtest.cli.calibrate import measured_and_simulated
from loadtest.cli.conduct import measured, simulated
from loadtest.cli.terminal import console, print_text, warn
from loadtest.figures.whole_file import write_whole
from loadtest.studies.advise.advice import Ranked
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.small_service import LASTS_S, RATE_MAX, small
from loadtest.studies.calibration.calibration import LEGEND, SHORT, Calibration, all_agree, beside, calibrate

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
    finished = measured(planned(made, best, found, seed), place, "lab advise --check")
    by_name = simulated(beside(finished))
    compared = [
        one
        for run in finished
        for one in calibrate(
            run.run.scenario, found.choosable[run.run.strategy], run.summary, by_name[run.run.strategy]
        )
    ]
    write_whole(place / "calibration.json", json.dumps([one.as_dict() for one in compared], indent=2))
    _print(compared)
    not_results = [f"{run.summary.strategy}: {event}" for run in finished for event in run.summary.incidents]
    warn(not_results)
    return all(run.summary.valid for run in finished) and all_agree(compared)


def _print(compared: list[Calibration]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("strategy", "figure", "measured", "simulated", "agrees"):
        table.add_column(heading, justify="left" if heading in {"strategy", "figure", "agrees"} else "right")
    for one in compared:
        verdict = "yes" if one.agrees else "[red]no[/]" if one.decides else "no (decides nothing)"
        table.add_row(one.strategy, SHORT[one.figure], *measured_and_simulated(one), verdict)
    console.print(table)
    print_text(LEGEND)
