"""The directory of a run: everything that its figures were computed from, and the figures.

summary.json  report.md  report.html  environment.json  scenario.json  turns.json
raw/<strategy>[-<repeat>]/  scenario.json  run.json  ledger.csv  answers-*.csv  generator-*.json  metrics-*.prom
                            redis-*.json  *.log
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from loadtest import redis_says
from loadtest.commands import pods_cpu_s, redis_commands
from loadtest.drive.generator import read_generator, what_is_due
from loadtest.failures import counted, failures_found
from loadtest.measure import Row, Series, assumed_figures, new_tally
from loadtest.records import read_answers, read_ledger
from loadtest.scenario import Scenario
from loadtest.trace import bring_trace, scenario_json
from loadtest.turns import Turn
from loadtest.user_time import unaccounted

TURNS = "turns.json"
CUT_SHORT = "the bench was ended before this run was over"

Measured = tuple[Turn, Row, Series]
"""A run that has ended, well or not."""


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


def arm_figures(raw: Path, scenario: Scenario) -> tuple[Row, Series]:
    """The figures of one arm, from its records alone. Raises OSError or ValueError naming the file."""
    record = read_record(raw)
    pieces = [piece for piece in read_answers(sorted(raw.glob("answers*.csv"))) if len(piece.intended_s)]
    start_s = record.start_s
    if start_s is None:
        start_s = min((float(piece.intended_s.min()) for piece in pieces), default=math.inf)
    tally = new_tally(scenario, start_s, record.oldest_s)
    for piece in pieces:
        tally.add_answers(piece)
    # all of them: the ledger was begun anew behind the warm-up, and clocks are not exact enough to tell by
    tally.add_reads(read_ledger(raw / "ledger.csv", record.clock_offset_s))
    named = {
        name: getattr(record, name) for name in ("scenario", "strategy", "world", "seed", "pods", "loop", "repeat")
    }
    if record.warmed_s is not None and pieces:
        named |= {"lead_s": round(start_s - record.warmed_s, 3), "warm_spread_s": record.warm_spread_s}
    events = [*record.events] if record.is_over else [*record.events, CUT_SHORT]
    row = tally.row(target_rate=record.target_rate, events=events, valid=not events, **named)
    if record.is_valid is not None and record.is_over:
        row = replace(row, valid=record.is_valid, trace=record.trace)
        if not scenario.virtual.service_us:
            row = replace(row, assumed=assumed_figures(row))
        return row, tally.series()
    failures, unknown = counted(raw, record.pods, are_new=record.world == "native")
    broken = failures_found(failures, scenario, row.origin_failed)
    row = replace(
        row,
        events=[*row.events, *unknown, *broken.events],
        valid=row.valid and not unknown and not broken.moved_a_figure,
    )
    of_redis, notes = redis_says.what_happened(raw)
    row = replace(row, events=[*row.events, *of_redis], notes=[*row.notes, *notes], valid=row.valid and not of_redis)
    generator = read_generator(raw)
    if generator is None:
        faults = ["the generator left no record: it was killed"]
    else:
        faults = generator.faults(what_is_due(scenario, record.seed), row.requests)
        row = replace(
            row,
            lateness_p99_ms=generator.lateness_p99_ms,
            generator_cpu_share=round(generator.cpu_share, 3),
        )
    faults += unaccounted(scenario, row.requests, sum(float(piece.latency_s.sum()) for piece in pieces))
    row = replace(row, events=[*row.events, *faults], valid=row.valid and not faults)
    if row.requests and (commands := redis_commands(raw)) is not None:
        saved = row.requests - row.origin_reads
        row = replace(
            row,
            commands_per_request=round(commands / row.requests, 3),
            commands_per_read_saved=round(commands / saved, 3) if saved > 0 else None,
        )
    if row.requests and (cpu_s := pods_cpu_s(raw)) is not None:
        row = replace(row, service_us=round(cpu_s / row.requests * 1e6, 1))
    return row, tally.series()


def turn_figures(raw: Path, scenario: Scenario, turn: Turn) -> Measured:
    """The same of a turn in a scenario that all turns share."""
    row, series = arm_figures(raw, turn.scenario(scenario))
    return turn, replace(row, is_bound=turn.is_bound), series


def failed_arm(scenario: Scenario, turn: Turn, seed: int, world: str, reason: str) -> Measured:
    """A run of which there are no figures: a row that is no result, and says why."""
    tally = new_tally(turn.scenario(scenario), 0.0)
    row = tally.row(
        scenario=scenario.name,
        strategy=turn.name,
        world=world,
        seed=seed,
        pods=scenario.pods,
        loop=scenario.load.loop,
        repeat=turn.repeat,
        is_bound=turn.is_bound,
        target_rate=scenario.target_rate,
        events=[reason],
        valid=False,
    )
    return turn, row, tally.series()


def all_valid(rows: Iterable[Row]) -> bool:
    """Whether every run is a result; a bound may be none, where the origin cannot take what no cache keeps from it."""
    return all(row.valid or row.is_bound for row in rows)


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
