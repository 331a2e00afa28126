"""The folder of a run: everything that its figures were computed from, and the figures.

summary.json  report.md  report.html  environment.json  scenario.json  plan.json
raw/<strategy>[-<repeat>]/  scenario.json  run.json  ledger.csv  answers-*.csv  retries-*.csv  unsent-*.csv
                            generator-*.json  metrics-*.prom  redis-*.json  *.log
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from loadtest.figures.incident import Incident
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.whole_file import write_whole
from loadtest.workload.planned_run import PlannedRun, as_stated
from loadtest.workload.scenario import Scenario
from loadtest.workload.schema import SCHEMA, of_another
from loadtest.workload.trace import bring_trace, scenario_json

PLAN = "plan.json"
SUMMARY = "summary.json"
PLAN_OF_SCHEMA_1 = "turns.json"
RECORD = "run.json"
FAILURE = "failure.log"
"""The traceback of a run that failed, among its records."""


class OtherSchema(ValueError):
    """A file of another schema than the lab's; the text names the file, the field and the known schema."""


@dataclass(slots=True)
class RunRecord:
    """Facts about one run that its records do not state; `run.json`, from the run's first moment on."""

    strategy: str
    world: str
    seed: int
    repeat: int = 1
    clock_offset_s: float = 0.0
    """Seconds that the ledger's clock is ahead of the clients'."""
    start_s: float | None = None
    """The moment at which the load began, on the clients' clock; None where only their first request tells it."""
    warmed_s: float | None = None
    """The moment at which the warm-up was over, on the clients' clock."""
    oldest_s: float | None = None
    """The strategy's own promise of the oldest answer while no load fails, seconds; None where only pods know it."""
    warm_spread_s: float = 0.0
    """Seconds between the first answer of the warm-up burst and its last."""
    are_pods_kept: bool = False
    """Whether the pods had served another run before, and had counted its failures."""
    incidents: list[Incident] = field(default_factory=list)
    failures: list[tuple[str, str, int]] = field(default_factory=list)
    """Failures that the pods counted, in virtual time: kind, what it was about, how often."""
    net_acts: dict[str, int] | None = None
    """The acts of the nets during the load, in virtual time."""
    local_hits: float | None = None
    """Answers from pods' own copies during the load, in virtual time."""
    notes: list[str] = field(default_factory=list)
    """Facts that a reader of the figures needs."""
    trace: str = ""
    """The hash of every event, in virtual time."""
    is_over: bool = True
    """Whether the run is over; a record that is read later and says False is of a bench that was killed."""

    @classmethod
    def of(cls, run: PlannedRun, world: str, **known: Any) -> "RunRecord":
        """The record of a run that begins now."""
        return cls(run.name, world, run.seed, run.repeat, is_over=False, **known)

    def write(self, raw: Path) -> None:
        """Write `run.json`. Raises OSError."""
        write_whole(raw / RECORD, json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2))


def read_record(raw: Path) -> RunRecord:
    """The record in `raw`. Raises OSError, or ValueError naming the file."""
    path = raw / RECORD
    stated = read_schema(path)
    try:
        incidents = [Incident(what, bool(spoils), *when) for what, spoils, *when in stated.pop("incidents")]
        return RunRecord(**stated, incidents=incidents)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: not the record of a run: {error}") from error


def read_schema(path: Path) -> dict[str, Any]:
    """The object in a file, without its schema. Raises OSError, ValueError naming the file, `OtherSchema`."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    schema = stated.pop("schema", 1) if isinstance(stated, dict) else 1
    if schema != SCHEMA:
        raise _other_schema(path, schema)
    return dict(stated)


def _other_schema(path: Path, schema: object) -> OtherSchema:
    return OtherSchema(f"{path}: {of_another(schema, ': run it again')}")


def new_run_folder(results: Path, name: str, about: Mapping[str, Any], scenario: Scenario | None = None) -> Path:
    """A new folder `<time>-<name>` that holds what is known before the run, by its absolute path. Raises OSError."""
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


def keep_plan(folder: Path, runs: Iterable[PlannedRun]) -> None:
    """Write the planned runs, so that a folder tells which are missing from it. Raises OSError."""
    write_whole(folder / PLAN, json.dumps({"schema": SCHEMA, "runs": [run.stated() for run in runs]}, indent=2))


def read_plan(folder: Path, scenario: Scenario) -> list[PlannedRun]:
    """The runs that `folder` was made for. Raises OSError, or ValueError naming the file."""
    if not (folder / PLAN).exists() and (folder / PLAN_OF_SCHEMA_1).exists():
        raise _other_schema(folder / PLAN_OF_SCHEMA_1, 1)
    try:
        return [as_stated(scenario, one) for one in read_schema(folder / PLAN)["runs"]]
    except (TypeError, KeyError) as error:
        raise ValueError(f"{folder / PLAN}: not the plan of a run: {error!r}") from error


def keep_figures(
    folder: Path,
    summaries: Iterable[RunSummary],
    predictions: Mapping[str, Mapping[str, Any]] | None = None,
    answer: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write summary.json: runs, theory's predictions of each strategy, and the answer's sentences. Raises OSError."""
    runs = [summary.as_dict() for summary in summaries]
    figures = {"schema": SCHEMA, "runs": runs, "predictions": predictions or {}, "answer": list(answer)}
    write_whole(folder / SUMMARY, json.dumps(figures, indent=2))


def point_latest(folder: Path) -> str:
    """Make the link `latest` beside the folder point to it; the reason where it cannot, as where it is no link."""
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
