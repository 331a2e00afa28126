"""The figures of a run, from its records alone."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from loadtest.figures import redis_info as redis_says
from loadtest.figures.failures import counted, failures_found
from loadtest.figures.generator_record import read_generator, what_is_due
from loadtest.figures.records import read_answers, read_ledger
from loadtest.figures.redis_commands import pods_cpu_s, redis_commands
from loadtest.figures.run_folder import read_record
from loadtest.figures.run_summary import Row, Series, assumed_figures
from loadtest.figures.tally import new_tally
from loadtest.figures.user_time import unaccounted
from loadtest.workload.planned_run import Turn
from loadtest.workload.scenario import Scenario

CUT_SHORT = "the bench was ended before this run was over"

Measured = tuple[Turn, Row, Series]
"""A run that has ended, well or not."""


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
