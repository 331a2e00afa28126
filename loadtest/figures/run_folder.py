"""The directory of a run: everything that its figures were computed from, and the figures.

summary.json  report.md  report.html  environment.json  scenario.json  turns.json
raw/<strategy>[-<repeat>]/  scenario.json  run.json  ledger.csv  answers-*.csv  generator-*.json  metrics-*.prom
                            redis-*.json  *.log
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from loadtest.figures.run_summary import Row
from loadtest.workload.planned_run import Turn
from loadtest.workload.scenario import Scenario
from loadtest.workload.trace import bring_trace, scenario_json

TURNS = "turns.json"


@dataclass(slots=True)
class RunRecord:
    """What the records of one arm do not say themselves; `run.json`, from its first moment on."""

    scenario: str
    strategy: str
    world: str
    seed: int
    pods: int
    loop: str
    duration_s: float
    target_rate: float | None
    repeat: int = 1
    clock_offset_s: float = 0.0
    """The ledger's clock less the clients'."""
    start_s: float | None = None
    """When the load began, on the clients' clock; of real clients only their first request is known."""
    warmed_s: float | None = None
    """When the warm-up was over, on the clients' clock."""
    oldest_s: float | None = None
    """How old an answer may be by the strategy's own promise; unknown in records of an older lab."""
    warm_spread_s: float = 0.0
    """Between the first answer of the warm-up burst and its last."""
    events: list[str] = field(default_factory=list)
    """What happened that should not have: then the run is no result."""
    is_valid: bool | None = None
    """In virtual time, which needs no generator's and no pod's counters to judge itself; else their records decide."""
    trace: str = ""
    """Of virtual time."""
    is_over: bool = True
    """False as long as it goes on: whoever reads that later knows that its bench was killed."""

    def write(self, raw: Path) -> None:
        write_whole(raw / "run.json", json.dumps(asdict(self), indent=2))


def read_record(raw: Path) -> RunRecord:
    """Fields of an older or a newer lab are left out. Raises OSError, or ValueError naming the file."""
    path = raw / "run.json"
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        return RunRecord(**{one.name: stated[one.name] for one in fields(RunRecord) if one.name in stated})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: not the record of a run: {error}") from error


def new_run_folder(results: Path, name: str, about: Mapping[str, Any], scenario: Scenario | None = None) -> Path:
    """A new directory `<time>-<name>`, holding what is known before the run; its way is absolute, because children
    work in folders of their own. Raises OSError."""
    results = results.absolute()
    stamp = f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = results / f"{stamp}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        write_whole(folder / "environment.json", json.dumps(about, indent=2))
        if scenario is not None:
            bring_trace(folder, scenario)
            write_whole(folder / "scenario.json", scenario_json(scenario, folder, folder))
        return folder
    raise FileExistsError(f"{results / stamp}: a hundred runs within a second")


def keep_turns(folder: Path, turns: Iterable[Turn]) -> None:
    """What is going to be run, so that a folder tells what is missing from it. Raises OSError."""
    write_whole(folder / TURNS, json.dumps([turn._asdict() for turn in turns], indent=2))


def read_turns(folder: Path) -> list[Turn]:
    """Those of the run in `folder`; of one that did not write them down, those that left records.

    Raises OSError, or ValueError naming the file.
    """
    path = folder / TURNS
    if not path.exists():
        raws = sorted(one.parent for one in folder.glob("raw/*/run.json"))
        return [Turn(record.strategy, record.repeat) for record in map(read_record, raws)]
    try:
        return [Turn(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: not the turns of a run: {error}") from error


def keep_figures(folder: Path, rows: Iterable[Row]) -> None:
    """What was measured: summary.json, all of it or as it was before. Raises OSError."""
    write_whole(folder / "summary.json", json.dumps([row.as_dict() for row in rows], indent=2))


def point_latest(folder: Path) -> str:
    """Make `latest` beside the folder point to it; why it does not, or nothing. What is no link of the lab's stays."""
    link = folder.parent / "latest"
    fresh = folder.parent / f".latest-{os.getpid()}"
    if not link.is_symlink() and link.exists():
        return f"{link} is no link and was left as it is; this run is {folder.name}"
    try:
        fresh.symlink_to(folder.name)
        fresh.replace(link)
    except OSError as error:
        return f"{link} could not be set: {error.strerror or error}"
    return ""


def write_whole(path: Path, text: str) -> None:
    """All of it or nothing. Raises OSError."""
    half = path.with_name(f".{path.name}.half")
    try:
        half.write_text(text + "\n", encoding="utf-8")
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
