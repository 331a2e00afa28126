"""The directory of a run: everything that its figures were computed from, and the figures.

summary.json  report.md  report.html  environment.json  scenario.json
raw/<strategy>[-<repeat>]/  scenario.json  run.json  ledger.csv  answers-*.csv  generator-*.json  metrics-*.prom  *.log
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.discovery import Discovered
from loadtest.bounds import bounds, with_predictions, with_the_same
from loadtest.commands import redis_commands
from loadtest.drive.generator import read_generator
from loadtest.failures import counted, failures_found
from loadtest.judge.intervals import REPEATS_MIN
from loadtest.judge.verdicts import telling
from loadtest.measure import Row, Series, new_tally
from loadtest.records import read_answers, read_ledger
from loadtest.report import Summary, write_report
from loadtest.scenario import Scenario
from loadtest.trace import bring_trace, scenario_json
from loadtest.turns import Turn, by_strategy, medians


@dataclass(slots=True)
class RunRecord:
    """What the records of one arm do not say themselves; `run.json`."""

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
    warmed_s: float | None = None
    """When the warm-up was over, on the clients' clock."""
    oldest_s: float | None = None
    """How old an answer may be by the strategy's own promise; unknown in records of an older lab."""
    events: list[str] = field(default_factory=list)
    """What happened that should not have: then the run is no result."""

    def write(self, raw: Path) -> None:
        write_whole(raw / "run.json", json.dumps(asdict(self), indent=2))


def new_run_folder(results: Path, name: str, about: Mapping[str, Any], scenario: Scenario | None = None) -> Path:
    """A new directory `<time>-<name>`, holding what is known before the run. Raises OSError."""
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


def arm_figures(raw: Path, scenario: Scenario) -> tuple[Row, Series]:
    """The figures of one arm, from its records alone. Raises OSError or ValueError naming the file."""
    record = RunRecord(**json.loads((raw / "run.json").read_text()))
    pieces = [piece for piece in read_answers(sorted(raw.glob("answers-*.csv"))) if len(piece.intended_s)]
    start_s = min((float(piece.intended_s.min()) for piece in pieces), default=math.inf)
    tally = new_tally(scenario, start_s, record.oldest_s)
    for piece in pieces:
        tally.add_answers(piece)
    tally.add_reads(read_ledger(raw / "ledger.csv", record.clock_offset_s).since(start_s))
    named = {
        name: getattr(record, name) for name in ("scenario", "strategy", "world", "seed", "pods", "loop", "repeat")
    }
    if record.warmed_s is not None and pieces:
        named["lead_s"] = round(start_s - record.warmed_s, 3)
    row = tally.row(target_rate=record.target_rate, events=record.events, valid=not record.events, **named)
    failures, unknown = counted(raw, record.pods, are_new=record.world == "native")
    broken = failures_found(failures, scenario, row.origin_failed)
    row = replace(
        row,
        events=[*row.events, *unknown, *broken.events],
        valid=row.valid and not unknown and not broken.moved_a_figure,
    )
    if (generator := read_generator(raw)) is not None:
        target = generator.due / record.duration_s if record.loop == "open" else record.target_rate
        faults = generator.faults(target, row.achieved_rate)
        row = replace(
            row,
            events=[*row.events, *faults],
            valid=row.valid and not faults,
            lateness_p99_ms=generator.lateness_p99_ms,
            generator_cpu_share=round(generator.cpu_share, 3),
        )
    if row.requests and (commands := redis_commands(raw)) is not None:
        saved = row.requests - row.origin_reads
        row = replace(
            row,
            commands_per_request=round(commands / row.requests, 3),
            commands_per_read_saved=round(commands / saved, 3) if saved > 0 else None,
        )
    return row, tally.series()


Measured = tuple[Turn, Row, Series]


def write_results(
    folder: Path, measured: Sequence[Measured], scenario: Scenario, about: Mapping[str, Any], found: Discovered
) -> Summary:
    """Figures and reports of the runs; `latest` beside the folder then points to it.

    summary.json has a row for every run, the reports one per strategy, between two that no strategy can leave. Of
    repeats, the course of the first is drawn.
    """
    turns = {turn.name: turn for turn, _, _ in measured}
    runs = [row for _, row, _ in measured]
    rows = with_predictions(medians(runs), scenario, turns, found.strategies)
    by_name = {row.strategy: row for row in rows}
    runs = [with_the_same(run, by_name[run.strategy]) for run in runs]
    write_whole(folder / "summary.json", json.dumps([row.as_dict() for row in runs], indent=2))
    is_answered = any(row.requests for row in rows)
    summary = Summary(rows, bounds(rows, scenario) if is_answered else (), in_words(runs, found.baseline))
    courses = {row.strategy: line for _, row, line in reversed(measured)}
    write_report(folder, summary, courses, about, scenario, found.baseline)
    link = folder.parent / "latest"
    fresh = folder.parent / f".latest-{os.getpid()}"
    fresh.symlink_to(folder.name)
    fresh.replace(link)
    return summary


def in_words(runs: Sequence[Row], baseline: str | None) -> list[str]:
    """What the repeats allow to be said; of too few, only that."""
    least = min(len(repeats) for repeats in by_strategy(runs).values())
    if least < REPEATS_MIN:
        few = "1 run of each" if least == 1 else f"{least} runs of each"
        return [f"{few}: too few for an interval or a claim. REPEATS=5 gives both."]
    return telling([row.as_dict() for row in runs], baseline)


def write_whole(path: Path, text: str) -> None:
    """All of it or nothing."""
    half = path.with_name(f".{path.name}.half")
    half.write_text(text + "\n", encoding="utf-8")
    half.replace(path)
