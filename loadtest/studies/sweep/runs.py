"""The runs of a sweep, and the directory that keeps them: after any interruption it can be resumed.

plan.json  scenario.json  environment.json  points.jsonl  sweep.parquet  report.md  report.html
"""

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from app.strategy import Strategy
from loadtest.experiment import Sink
from loadtest.figures.run_folder import new_run_folder
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.figures.whole_file import write_whole
from loadtest.report.frontier.choice import Value
from loadtest.sim.pool import code_hash
from loadtest.studies.sweep.grid import BadSetting, Point, points, read_setting
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import BadScenario, Scenario, read_scenario
from loadtest.workload.schema import SCHEMA, of_another
from loadtest.workload.seeds import run_seed

RUNS_MAX = 1_000_000


class BadSweep(ValueError):
    """A directory that holds no such sweep; the text names it, and the fault."""


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The plan of a sweep: with the code it decides every figure of its runs."""

    scenario: Scenario
    strategies: tuple[str, ...]
    settings: tuple[str, ...]  # as on the command line
    seed: int
    repeats: int

    def points(self, known: Mapping[str, type[Strategy]]) -> list[Point]:
        """The whole grid, in the order of `known`, which has the baseline first. Raises `BadSetting`."""
        settings = [read_setting(text, self.scenario, known) for text in self.settings]
        return points(self.scenario, {name: known[name] for name in known if name in self.strategies}, settings)


class SweepRun(NamedTuple):
    """One finished run of the sweep."""

    settings: dict[str, Value]
    row: RunSummary
    cpu_s: float
    commit: str


Key = tuple[str, str, int]
"""The key of a run: strategy, settings, seed."""


class Sweep:
    """A sweep under way: its directory, the runs that it holds, and those still to do."""

    def __init__(self, folder: Path, plan: SweepPlan, grid: Sequence[Point], commit: str) -> None:
        self.folder, self.plan, self._commit = folder, plan, commit
        self._planned: dict[Key, PlannedRun] = {}
        self._settings: dict[int, dict[str, Value]] = {}  # by the planned run's id()
        self._runs: dict[Key, SweepRun] = {}
        for repeat in range(1, plan.repeats + 1):
            seed = run_seed(plan.seed, repeat)  # the same at every point, so that settings make the difference
            for point in grid:
                planned = PlannedRun(point.scenario, point.strategy, seed, repeat)
                self._planned[_key(point.strategy, point.settings, seed)] = planned
                self._settings[id(planned)] = point.settings

    @property
    def runs(self) -> list[SweepRun]:
        """The finished runs, in the order of the plan."""
        return [self._runs[key] for key in self._planned if key in self._runs]

    @property
    def to_do(self) -> list[PlannedRun]:
        return [planned for key, planned in self._planned.items() if key not in self._runs]

    @property
    def size(self) -> int:
        return len(self._planned)

    @contextmanager
    def open(self) -> Iterator[Sink]:
        """Reads the finished runs, and yields a sink for those `to_do`, which has written each once it returns.

        Raises `BadSweep`, also where another process writes to the directory.
        """
        with (self.folder / "points.jsonl").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BadSweep(f"{self.folder}: another sweep is writing there") from None
            self._read(file)

            def add(finished: Finished) -> None:
                if finished.error is not None:
                    where = f"{finished.run.strategy}, {finished.run.scenario.name}, seed {finished.run.seed}"
                    raise ValueError(f"{where}: {finished.summary.incidents[0]}") from finished.error
                settings = self._settings[id(finished.run)]
                run = SweepRun(settings, finished.summary, round(finished.cpu_s, 3), self._commit)
                file.write(json.dumps({**run._asdict(), "row": run.row.as_dict()}) + "\n")
                file.flush()
                self._runs[_key(run.row.strategy, settings, run.row.seed)] = run

            yield add

    def _read(self, file: TextIO) -> None:
        file.seek(0)
        whole, newline, _ = file.read().rpartition("\n")  # the rest is a line in which the writer was stopped
        for number, line in enumerate(whole.splitlines(), 1):
            where = f"{self.folder / 'points.jsonl'}, line {number}"
            try:
                stated = json.loads(line)
                run = SweepRun(**{**stated, "row": RunSummary.of(stated["row"])})
            except (ValueError, TypeError, KeyError) as error:
                raise BadSweep(f"{where}: {error!r}") from None
            key = _key(run.row.strategy, run.settings, run.row.seed)
            if key not in self._planned:
                raise BadSweep(f"{where}: {run.row.strategy} with {run.settings} is not of this sweep")
            self._runs[key] = run
        file.truncate(len((whole + newline).encode()))


def _key(strategy: str, settings: Mapping[str, Value], seed: int) -> Key:
    return strategy, json.dumps(settings, sort_keys=True), seed


def begin(results: Path, plan: SweepPlan, known: Mapping[str, type[Strategy]], about: Mapping[str, Any]) -> Sweep:
    """A sweep in a new directory `<time>-sweep-<scenario>`. Raises `BadSetting` before it is made, and OSError."""
    sweep = Sweep(Path(), plan, plan.points(known), about["commit"])
    if sweep.size > RUNS_MAX:
        raise BadSetting(f"{sweep.size:,} runs are more than {RUNS_MAX:,}")
    sweep.folder = new_run_folder(results, f"sweep-{plan.scenario.name}", about, plan.scenario)
    stated = {field.name: getattr(plan, field.name) for field in fields(plan) if field.name != "scenario"}
    write_whole(sweep.folder / "plan.json", json.dumps({"schema": SCHEMA, **stated, "code": code_hash()}, indent=2))
    return sweep


def read_plan(folder: Path) -> SweepPlan:
    """The plan of the sweep that was begun in that folder. Raises `BadSweep`."""
    return _read_plan(folder)[0]


def resume(folder: Path, asked: SweepPlan, known: Mapping[str, type[Strategy]], commit: str) -> Sweep:
    """Resumes a sweep. Raises `BadSweep` where the code has changed, or `asked` is another sweep."""
    plan, code = _read_plan(folder)
    for field in fields(plan):
        was, now = getattr(plan, field.name), getattr(asked, field.name)
        if was != now:
            told = f": {was} then, {now} now" if field.name != "scenario" else ""
            raise BadSweep(f"{folder}: was begun with other {field.name}{told}; begin a new sweep, or ask for the same")
    begun_at = str(read_about(folder).get("commit", "unknown"))
    if begun_at.partition(" ")[0] != commit.partition(" ")[0]:
        raise BadSweep(
            f"{folder}: was begun at commit {begun_at}, this is {commit}; check that out, or begin a new one"
        )
    if code != code_hash():
        raise BadSweep(f"{folder}: app or loadtest was changed since it was begun (at {begun_at}); begin a new sweep")
    return Sweep(folder, plan, plan.points(known), commit)


def read_about(folder: Path) -> dict[str, Any]:
    """The environment in which the sweep was begun. Raises `BadSweep`."""
    try:
        about: dict[str, Any] = json.loads((folder / "environment.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadSweep(f"{folder}: no sweep was begun there: {error}") from None
    return about


def _read_plan(folder: Path) -> tuple[SweepPlan, str]:
    try:
        stated = json.loads((folder / "plan.json").read_text("utf-8"))
        if not isinstance(stated, dict) or "code" not in stated:
            raise ValueError("its plan.json is not a sweep's")
        if (schema := stated.pop("schema", SCHEMA)) != SCHEMA:
            raise ValueError(f"plan.json: {of_another(schema, ': begin a new sweep')}")
        code = stated.pop("code")
        lists: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stated.items()
        }
        return SweepPlan(scenario=read_scenario(str(folder / "scenario.json")), **lists), code
    except (OSError, ValueError, TypeError, KeyError, BadScenario) as error:
        raise BadSweep(f"{folder}: no sweep was begun there: {error}") from None
