"""Goodput, attempts and the figures of an outage, from records as any world leaves them."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadtest.figures.history import Chunk, Ending
from loadtest.figures.incident import planned
from loadtest.figures.records import FAILED, OK, Answers, Floats, Reads, Retries
from loadtest.figures.repeats import medians
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import UNENDED, summarise
from loadtest.figures.tally import Tally, new_tally
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import read_scenario
from loadtest.workload.trigger import Trigger


def answers(intended_s: Any, code: Any, gave_up: Any = False, wrong_at: Any = (), attempts: Any = 1) -> Answers:
    moments_s = np.asarray(intended_s, dtype=np.float64)
    none = np.zeros(len(moments_s), dtype=np.int64)
    return Answers(
        moments_s, moments_s + 0.01, np.full(len(none), np.nan), none + code, none, none,
        {"torn": len(wrong_at)} if len(wrong_at) else {}, none + attempts, none + gave_up > 0,
        np.array(wrong_at, dtype=np.int64),
    )  # fmt: skip


def reads(asked_s: Any, outcome: int) -> Reads:
    moments_s = np.asarray(asked_s, dtype=np.float64)
    none = np.zeros(len(moments_s), dtype=np.int64)
    return Reads(moments_s, moments_s, moments_s + 0.1, none, none, none + outcome)


def tally(duration_s: float = 40.0, start_s: float = 1_000.0, is_patient: bool = True) -> Tally:
    return Tally(start_s, duration_s, 5.0, 100.0, np.empty(0, dtype=np.int64), is_patient=is_patient)


def test_an_answer_is_good_with_its_code_and_its_content_and_while_its_client_waits() -> None:
    one = tally(duration_s=2)
    code = [200, 404, 503, 0, 200, 200]
    one.add_answers(answers(1_000 + np.arange(6) / 10, code, gave_up=[0, 0, 0, 1, 1, 0], wrong_at=[5]))
    figures = one.figures(Trigger(1, 2))
    assert figures["goodput"] == 1.0  # the first two, in two seconds
    assert (figures["errors"], figures["wrong_answers"]) == (2, 1)
    assert "attempts" not in figures
    assert "goodput" not in one.figures()


def test_retries_are_told_by_their_number_and_by_their_highest_wave_wherever_it_begins() -> None:
    one = tally(duration_s=10, is_patient=False)
    one.add_answers(
        answers(1_000.05 + np.arange(100) / 10, 200, attempts=[1] * 60 + [3] * 40, gave_up=[0] * 97 + [1] * 3)
    )
    wave_s = 1_004.96 + np.arange(50) * 0.0018
    all_s: Floats = np.concatenate((wave_s, [1_009.0], np.full(99, 1_500.0))).astype(np.float64)
    for sent_s in (all_s[::2], all_s[1::2]):
        none = np.zeros(len(sent_s), dtype=np.int64)
        one.add_retries(Retries(sent_s, none + 2, none))
    figures = one.figures()
    assert (figures["attempts"], figures["attempts_per_request"], figures["gave_up"]) == (180, 1.8, 3)
    assert figures["retries_peak_100ms"] == 50
    attempted = one.series().attempted
    assert attempted is not None
    assert attempted.in_100ms is not None
    assert attempted.in_100ms[[20, 49, 50, 90]].tolist() == [1, 24, 28, 2], "an arrival each, and 23, 27 and 1 retries"
    assert attempted.asked.tolist() == [10.0] * 10


def outage(failing_until_s: float) -> dict[str, Any]:
    """A trigger from 20 to 22 s, in which each request fails, and asks the origin twice, until that second."""
    one, at_s = tally(), 1_000 + np.arange(4_000) / 100
    fails = (at_s >= 1_020 - 1e-9) & (at_s < 1_000 + failing_until_s - 1e-9)
    for part in np.array_split(np.arange(4_000), 7):
        one.add_answers(answers(at_s[part], np.where(fails[part], 503, 200)))
    one.add_reads(reads(np.repeat(at_s[fails], 2), FAILED))
    one.add_reads(reads([1_039.0], OK))
    return one.figures(Trigger(20, 22))


def test_an_outage_is_told_by_its_failures_its_end_its_worst_second_and_what_it_asked_of_the_origin() -> None:
    figures = outage(failing_until_s=27)
    assert figures["failed_during"] == 200
    assert figures["recovers_after_s"] == pytest.approx(5, abs=0.1)
    assert figures["worst_second"] == 0
    assert figures["origin_attempts_per_request"] == pytest.approx((1_400 + 1) / 2_000, abs=1e-4)
    assert figures["goodput"] == (4_000 - 700) / 40


def test_a_moment_counts_as_a_second_and_a_recovery_that_never_comes_as_infinite() -> None:
    one, at_s = tally(), 1_000 + np.arange(4_000) / 100
    one.add_answers(answers(at_s, np.where(at_s >= 1_020, 0, 200)))
    figures = one.figures(Trigger(20, 20))
    assert (figures["failed_during"], figures["recovers_after_s"]) == (100, math.inf)


class Backlog:
    """A run in which the pods were asked for 30 reads, of which the ledger has those that had ended. A `History`."""

    world, start_s, oldest_s = "native", 1_000.0, None

    def __init__(self, told: float | None, in_ledger: int) -> None:
        faults = [{"kind": "origin-hangs", "at_s": 20, "for_s": 2}]
        scenario = read_scenario("hot-key", duration_s=40, faults=faults, load={"loop": "open", "rate_per_s": 10})
        self.run, self._told, self._in_ledger = PlannedRun(scenario, "static", 1), told, in_ledger

    def chunks(self) -> Iterator[Chunk]:
        yield answers(1_000 + np.arange(400) / 10, 200)
        yield reads(1_030 + np.arange(self._in_ledger) / 100, OK)

    def ending(self) -> Ending:
        return Ending([planned("origin-hangs", 20.1, 23.0)], reads_asked=self._told)


@pytest.mark.parametrize(("told", "in_ledger", "asked"), [(30.0, 8, 30), (None, 8, 8), (17.0, 8, 8), (5.0, 8, 8)])
def test_reads_that_had_not_ended_with_a_run_count_as_asked_and_are_told(
    told: float | None, in_ledger: int, asked: int
) -> None:
    row = summarise(Backlog(told, in_ledger)).summary
    assert row.origin_asked == asked
    assert row.origin_attempts_per_request == round(asked / 199, 4)
    assert [note for note in row.notes if "had not ended" in note] == ([UNENDED.format(22)] if asked == 30 else [])
    assert row.planned_faults == [{"what": "origin-hangs 20.1 to 23.0 s", "began_s": 20.1, "ended_s": 23.0}]
    assert row.incidents == []


ROW = RunSummary(
    "a", "never", "virtual", 1, 1, "open", 40.0, 4_000, 100.0, 100.0, 0.9, 9, 9, 0, 0, 9, 1, 1, 9, 1.0, 2.0, 3.0, None,
    None, {}, {}, 0, 0, failed_during=7, recovers_after_s=math.inf,
)  # fmt: skip


def test_never_is_a_word_on_disk_and_infinite_in_memory() -> None:
    text = json.dumps(ROW.as_dict(), allow_nan=False)
    assert json.loads(text)["recovers_after_s"] == "never"
    assert RunSummary.of(json.loads(text)) == ROW


@pytest.mark.parametrize(
    ("times_s", "median_s"), [([2.0, math.inf, 3.0], 3.0), ([math.inf, math.inf, 3.0], math.inf), ([None, 4.0], 4.0)]
)
def test_a_median_over_repeats_takes_never_for_longer_than_any_other_time(
    times_s: list[float | None], median_s: float
) -> None:
    (row,) = medians([replace(ROW, repeat=number, recovers_after_s=time_s) for number, time_s in enumerate(times_s, 1)])
    assert row.recovers_after_s == median_s
    assert (row.failed_during, row.gave_up) == (7, None)
    assert row.repeats_with["failed_during"] == len(times_s)


@pytest.mark.parametrize(
    ("stated", "knows"),
    [
        ({}, False),
        ({"client": {"timeout_s": 1}}, True),
        ({"client": {"retries": 2}}, True),
        ({"faults": [{"kind": "clients-leave", "at_s": 4, "for_s": 2, "share": 0.5}]}, True),
        ({"faults": [{"kind": "cache-flushed", "at_s": 4}]}, False),
    ],
)
def test_who_gave_up_is_a_figure_where_a_client_may(stated: dict[str, Any], knows: bool) -> None:
    one = new_tally(read_scenario("hot-key", duration_s=8, **stated), 1_000.0)
    one.add_answers(answers(1_000 + np.arange(80) / 10, 200))
    assert ("gave_up" in one.figures()) is knows
