"""`lab advise --check`: the advised strategy and the baseline as real processes, beside the same in virtual time."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from app.discovery import Discovered
from loadtest.cli.advise_outputs import planned
from loadtest.cli.conduct import measured, simulated
from loadtest.cli.document import keep_and_tell
from loadtest.cli.terminal import console, print_text, warn
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.studies.advise.advice import Ranked
from loadtest.studies.advise.native_check import HEADINGS, CheckedStrategy, NativeCheck, check_lines
from loadtest.studies.advise.service import BadService, Service
from loadtest.studies.advise.small_service import LASTS_S, RATE_MAX, SmallService, small
from loadtest.studies.calibration.agreement import TOLERANCES
from loadtest.studies.calibration.calibration import SEEDS, beside, calibrate
from loadtest.workload.planned_run import PlannedRun

CHECK_FOLDER = "check"
RATE_PER_CORE = 150.0
"""Requests per second that a core of a laptop surely serves and sends, in all processes of a run together."""
CheckRate = Annotated[
    float | None,
    typer.Option(min=1, max=10_000, help="Requests/s of the check. Default: 150 for each core, 300 at most."),
]
CheckFor = Annotated[float, typer.Option(min=5, max=600, help="Seconds of each native run of the check.")]


def checkable(service: Service, rate_per_s: float | None = None, lasts_s: float = LASTS_S) -> SmallService:
    """The small service of the check, at what this machine surely serves unless stated. Raises `BadService`."""
    made = small(service, rate_per_s or min(RATE_MAX, RATE_PER_CORE * (os.cpu_count() or 1)), lasts_s)
    if reason := made.scenario.why_not_in("native"):
        raise BadService(f"--check: {reason}")
    return made


def check_advice(best: Ranked, made: SmallService, found: Discovered, folder: Path, seed: int) -> NativeCheck:
    """Run both natively and in virtual time, and show what agrees by the tolerances of calibration."""
    plan = planned(made, best, found, seed)
    labels = {run.strategy: _label(best, run) for run in plan}
    compared = _compared(made, list(labels.values()))
    console.print("\n[bold]Checked by real processes[/]")
    for sentence in (compared, *made.changes):
        print_text(f"- {sentence}")
    place = folder.absolute() / CHECK_FOLDER
    place.mkdir()
    finished = measured(plan, place, "lab advise --check")
    rows = simulated(beside(finished))
    checked = {name: _checked(run, labels[name], found, rows[name]) for run in finished for name in [run.run.strategy]}
    advised = checked.pop(best.strategy)
    check = NativeCheck(advised, next(iter(checked.values()), None), compared, made.changes)
    keep_and_tell(place / "check.json", {"check": check.as_dict()})
    _print(check)
    warn(f"{run.summary.strategy}: {event}" for run in finished for event in run.summary.incidents)
    return check


def _compared(made: SmallService, labels: list[str]) -> str:
    scenario = made.scenario
    pool = scenario.origin.connections_shared
    origin = f"origin {scenario.origin.latency} ms" + ("" if pool is None else f" over {pool:,} connections")
    return (
        f"{' and '.join(labels)}, {scenario.duration_s:g} s each from an empty cache: {scenario.pods} "
        f"process{'es' * (scenario.pods > 1)}, {scenario.target_rate:,g} requests/s for {scenario.keys.count:,} keys, "
        f"TTL {scenario.cache.ttl_s:g} s, {origin}; and the same in virtual time with {SEEDS} seeds."
    )


def _label(best: Ranked, run: PlannedRun) -> str:
    return replace(best, strategy=run.strategy, parameters=dict(run.scenario.params.get(run.strategy, {}))).label


def _checked(run: Finished, label: str, found: Discovered, rows: list[RunSummary]) -> CheckedStrategy:
    figures = calibrate(run.run.scenario, found.choosable[run.run.strategy], run.summary, rows)
    return CheckedStrategy(label, run.summary, tuple(rows), tuple(figures))


def _print(check: NativeCheck) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in {"measured", "simulated"} else "left")
    for *cells, verdict in check_lines(check):
        table.add_row(*cells, "[red]no[/]" if verdict == "no" else verdict)
    console.print(table)
    print_text(f"simulated: the mean over {SEEDS} seeds. {TOLERANCES}.")
    for sentence in check.sentences:
        print_text(f"- {sentence}")
