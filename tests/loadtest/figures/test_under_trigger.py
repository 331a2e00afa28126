"""What a drill is judged by: answers and reads of the trigger's own time, and of the time after it, planted."""

from typing import Any

import numpy as np
import pytest

from app.strategy import LoadReason, Status
from loadtest.figures.records import (
    LOAD_REASON_NUMBERS,
    NO_STATUS,
    OK,
    SHED,
    STATUS_NUMBERS,
    Answers,
    Reads,
)
from loadtest.figures.recovery import STEP_S
from loadtest.figures.under_trigger import SETTLES_S, UnderTrigger
from loadtest.workload.trigger import Trigger

START_S, DURATION_S = 1_000.0, 20.0
TRIGGER = Trigger(6.0, 9.0)
STEPS = round(DURATION_S / STEP_S)


def answers(intended_s: Any, latency_s: Any, code: Any = 200, status: int = STATUS_NUMBERS[Status.HIT]) -> Answers:
    moments_s = np.asarray(intended_s, dtype=np.float64) + START_S
    none = np.zeros(len(moments_s), dtype=np.int64)
    return Answers(
        moments_s, moments_s + latency_s, np.full(len(none), np.nan), none + code, none + status, none, {}, none + 1,
        none > 0,
    )  # fmt: skip


def reads(asked_s: Any, keys: Any, started_s: Any = None, outcome: int = OK) -> Reads:
    moments_s = np.asarray(asked_s, dtype=np.float64) + START_S
    none = np.zeros(len(moments_s), dtype=np.int64)
    started = moments_s if started_s is None else np.asarray(started_s, dtype=np.float64) + START_S
    reason = LOAD_REASON_NUMBERS[LoadReason.MISS]
    return Reads(moments_s, started, started + 0.2, none + np.asarray(keys), none + reason, none + outcome)


def figures(*chunks: Answers | Reads) -> dict[str, float | None]:
    found = UnderTrigger(START_S, TRIGGER, STEPS)
    asked, short = np.zeros((2, STEPS), dtype=np.int64)
    for chunk in chunks:
        if isinstance(chunk, Reads):
            found.add_reads(chunk)
            continue
        found.add_answers(chunk)
        places = ((chunk.intended_s - START_S + 1e-9) / STEP_S).astype(int)
        np.add.at(asked, places, 1)
        np.add.at(short, places[chunk.code != 200], 1)
    return found.figures(asked, short, TRIGGER)


def test_latency_is_of_the_triggers_own_time_and_the_longest_of_all_after_it() -> None:
    found = figures(answers([5.9], [3.0]), answers([6.0, 8.9], [0.1, 0.4]), answers([9.0, 12.0], [0.7, 0.2]))
    assert found["p99_ms"] == pytest.approx(400, rel=1e-3)
    assert found["longest_ms"] == 700.0
    assert found["refused_p90_ms"] is None


def test_refusals_have_a_latency_of_their_own() -> None:
    refused = answers([7.0, 10.0], [0.004, 0.004], code=503, status=NO_STATUS)
    assert figures(answers([7.0], [2.0]), refused)["refused_p90_ms"] == pytest.approx(4, rel=1e-3)


def test_loads_at_once_are_of_one_key_and_without_those_that_were_shed() -> None:
    same = reads([6.0, 6.1, 6.15, 6.5], [1, 1, 2, 1])
    found = figures(same, reads([6.55] * 9, [1] * 9, outcome=SHED))
    assert (found["reads"], found["loads_at_once"]) == (4, 2)
    assert figures(reads([5.0, 9.0], [1, 1]))["reads"] == 0


def test_the_started_peak_counts_what_got_a_connection_and_the_queue_not() -> None:
    found = figures(reads([6.0] * 5, range(5), started_s=[6.0, 6.6, 7.2, 7.8, np.nan]))
    assert found["reads"] == 5
    assert found["started_peak_1s"] == 2


def test_what_settled_is_compared_with_the_time_before() -> None:
    hit, miss = STATUS_NUMBERS[Status.HIT], STATUS_NUMBERS[Status.MISS]
    settled_s = TRIGGER.end_s + SETTLES_S
    before = answers(np.linspace(3.0, 5.9, 10), 0.001, status=hit)
    after = np.linspace(settled_s, 19.9, 8)
    good, bad = answers(after[:4], 0.001, status=hit), answers(after[4:], 0.001, code=503, status=miss)
    found = figures(before, good, bad)
    assert (found["settled_good"], found["settled_hits"]) == (0.5, 0.5)
    alone = figures(before)
    assert alone["settled_good"] is alone["settled_hits"] is None


def test_a_load_whose_start_nobody_told_counts_for_nothing() -> None:
    found = UnderTrigger(np.inf, TRIGGER, STEPS)
    found.add_answers(answers([7.0], [1.0]))
    nothing = np.zeros(STEPS, dtype=np.int64)
    assert found.figures(nothing, nothing, TRIGGER)["longest_ms"] == 0.0
