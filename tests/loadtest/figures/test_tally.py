"""Figures against what can be counted by hand, or by brute force."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.strategy import LoadReason, Status
from loadtest.figures.origin_load import SlidingPeak, sliding_peak
from loadtest.figures.records import FAILED, LOAD_REASONS, NO_STATUS, OK, SHED, STATUSES, Answers, Reads
from loadtest.figures.tally import NOTHING_EXPIRED, Tally

times = st.lists(st.floats(0, 10, allow_nan=False).map(lambda time: round(time, 2)), max_size=60)


@given(times)
def test_the_sliding_peak_is_the_busiest_second_wherever_it_begins(moments: list[float]) -> None:
    brute_force = max((sum(begin <= moment < begin + 1 for moment in moments) for begin in moments), default=0)
    assert sliding_peak(np.array(moments)) == brute_force


def test_a_herd_across_a_full_second_is_not_split() -> None:
    assert sliding_peak(np.array([0.9, 0.95, 1.0, 1.05, 1.1])) == 5


@given(times, st.integers(1, 7))
def test_the_sliding_peak_is_the_same_in_chunks(moments: list[float], size: int) -> None:
    ordered = np.sort(np.array(moments))
    peak = SlidingPeak()
    for begin in range(0, len(ordered), size):
        peak.add(ordered[begin : begin + size])
    assert peak.most == sliding_peak(ordered)


def _answers() -> Answers:
    return Answers(
        intended_s=np.array([0.0, 0.5, 1.0, 1.5, 2.0]),
        ended_s=np.array([0.1, 0.51, 1.02, 1.9, 2.0]),
        age_s=np.array([0.0, 1.0, 6.0, np.nan, np.nan]),
        code=np.array([200, 200, 404, 503, 0]),
        status=np.array([*map(STATUSES.index, (Status.MISS, Status.HIT, Status.STALE, Status.SHED)), NO_STATUS]),
        key=np.array([0, 0, 1, 0, 0]),
        wrong_answer_kinds={"wrong id": 1},
        attempts=np.array([1, 1, 1, 2, 3]),
        gave_up=np.array([False, False, False, False, True]),
    )


def _reads(asked_s: list[float], *reasons: LoadReason) -> Reads:
    asked, zeros = np.array(asked_s), np.zeros(len(asked_s), dtype=np.int64)
    return Reads(
        asked, asked, asked + 0.1, zeros, np.array([LOAD_REASONS.index(reason) for reason in reasons]), zeros + OK
    )


def figures(tally: Tally) -> SimpleNamespace:
    return SimpleNamespace(**tally.figures())


def _tally() -> Tally:
    return Tally(start_s=0.0, duration_s=2.5, ttl_s=5.0, slow_ms=50.0, hot_keys=np.array([0]))


def test_the_row_counts_every_request_once() -> None:
    tally = _tally()
    tally.add_answers(_answers())
    tally.add_reads(_reads([0.0, 0.2, 1.5], LoadReason.MISS, LoadReason.MISS, LoadReason.REFRESH))
    row = figures(tally)
    assert row.requests == 5
    assert row.achieved_rate == 2.0
    assert row.statuses == {"hit": 1, "miss": 1, "shed": 1, "stale": 1}
    assert row.hit_ratio == 0.4
    assert row.errors == 2  # the 503 and the one that never came; an absent item is no error
    assert row.wrong_answers == 1
    assert row.wrong_answer_kinds == {"wrong id": 1}
    assert (row.origin_reads, row.origin_peak_1s) == (3, 2)
    assert row.reads_by_reason == {"miss": 2, "refresh": 1}
    assert row.p50_ms == pytest.approx(20.0, rel=0.001)
    assert row.p99_ms == pytest.approx(400.0, rel=0.001)
    assert row.age_p99_s == pytest.approx(6.0, rel=0.001)
    assert row.older_share == pytest.approx(1 / 3, abs=1e-5)
    assert row.slow_s == 2  # the first second and the one from 1.5 on; the third has none over 50 ms


def test_the_row_is_the_same_in_chunks() -> None:
    whole, chunks = _tally(), _tally()
    reads = _reads([0.0, 0.2, 1.5], LoadReason.MISS, LoadReason.MISS, LoadReason.REFRESH)
    for tally in (whole, chunks):
        tally.add_reads(reads)
    whole.add_answers(_answers())
    answers = _answers()
    for cut in (slice(0, 2), slice(2, 5)):
        intended_s, ended_s, age_s = answers.intended_s[cut], answers.ended_s[cut], answers.age_s[cut]
        wrong_answer_kinds = answers.wrong_answer_kinds if cut.start == 0 else {}
        chunk = Answers(
            intended_s, ended_s, age_s, answers.code[cut], answers.status[cut], answers.key[cut],
            wrong_answer_kinds, answers.attempts[cut], answers.gave_up[cut],
        )  # fmt: skip
        chunks.add_answers(chunk)
    assert whole.figures() == chunks.figures()


def test_waits_are_those_of_the_collapsed() -> None:
    tally = _tally()
    collapsed = STATUSES.index(Status.COLLAPSED)
    tally.add_answers(_answers()._replace(status=np.array([collapsed, collapsed, 0, 0, 0])))
    row = figures(tally)
    assert row.wait_p50_ms == pytest.approx(10.0, rel=0.001)
    assert row.wait_p99_ms == pytest.approx(100.0, rel=0.001)


def test_the_series_adds_up_to_the_figures() -> None:
    tally = _tally()
    tally.add_answers(_answers())
    tally.add_reads(_reads([0.1, 0.2, 0.3, 1.7], *[LoadReason.MISS] * 4))
    line = tally.series()
    assert line.origin_reads.sum() * line.bin_s == 4
    assert line.origin_reads[0] == 6.0  # three in half a second
    assert line.p99_ms[3] == pytest.approx(400.0, rel=0.02)
    assert not np.isnan(line.p50_ms).any()


def test_what_was_asked_started_failed_and_turned_away_is_told_apart() -> None:
    tally = _tally()
    asked_s = np.array([0.0, 0.1, 0.2, 0.3])
    tally.add_reads(
        Reads(
            asked_s,
            started_s=np.array([0.0, 0.15, np.nan, np.nan]),
            ended_s=asked_s + 0.5,
            key=np.zeros(4, dtype=np.int64),
            reason=np.zeros(4, dtype=np.int64),
            outcome=np.array([OK, FAILED, SHED, FAILED]),
        )
    )
    row = figures(tally)
    assert (row.origin_asked, row.origin_reads, row.origin_failed, row.origin_shed) == (4, 2, 1, 1), (
        "one never got a connection"
    )
    assert row.origin_peak_1s == 3, "what was turned away is in no peak"
    assert sum(row.reads_by_reason.values()) == row.origin_reads


def _herds(*herds: tuple[float, int, int]) -> Reads:
    """Each: when, of how many reads, of which key. A read takes 0.2 s."""
    asked_s = np.concatenate([at_s + np.linspace(0, 0.15, size) for at_s, size, _ in herds])
    key = np.concatenate([np.full(size, key) for _, size, key in herds])
    order = np.argsort(asked_s, kind="stable")
    asked_s, zeros = asked_s[order], np.zeros(len(asked_s), dtype=np.int64)
    return Reads(asked_s, asked_s, asked_s + 0.2, key[order], zeros, zeros + OK)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_cold_start_and_steady_state_are_told_apart_in_chunks_of_any_size(size: int) -> None:
    reads = _herds((0.0, 40, 0), (0.1, 30, 1), (5.2, 25, 0), (5.9, 20, 1), (0.5, 3, 2))
    tally = _tally()
    for begin in range(0, len(reads.asked_s), size):
        tally.add_reads(reads.only(slice(begin, begin + size)))
    row = figures(tally)
    assert (row.origin_peak_1s, row.cold_peak_1s, row.steady_peak_1s) == (73, 73, 45)
    assert (row.cold_reads, row.origin_reads) == (73, 118)


def test_the_first_read_of_a_key_that_was_warmed_is_an_expiry() -> None:
    tally = Tally(0.0, 6.0, ttl_s=5.0, slow_ms=50.0, hot_keys=np.array([0]), is_warmed=True)
    tally.add_reads(_herds((4.8, 12, 0)))
    row = figures(tally)
    assert (row.cold_reads, row.cold_peak_1s, row.steady_peak_1s) == (0, 0, 12)
    assert list(row.stampedes) == ["hot"]


def test_a_key_whose_first_loads_failed_is_still_cold() -> None:
    tally = _tally()
    reads = _herds((0.0, 5, 0), (1.0, 4, 0), (7.0, 3, 0))
    tally.add_reads(reads._replace(outcome=np.where(reads.asked_s < 0.9, FAILED, OK)))
    row = figures(tally)
    assert (row.cold_reads, row.steady_peak_1s) == (9, 3)


def test_without_a_request_there_is_no_result_and_no_figure_about_answers() -> None:
    row = figures(_tally())
    assert _tally().nothing == ["no request was sent"]
    assert {row.hit_ratio, row.p50_ms, row.p99_ms, row.p999_ms, row.age_p99_s, row.older_share, row.slow_s} == {None}
    assert (row.requests, row.errors, row.origin_asked, row.steady_peak_1s) == (0, 0, 0, None)


def test_reads_of_a_run_whose_start_nobody_told_are_counted_and_lie_in_no_bin() -> None:
    tally = Tally(np.nan, 3.0, ttl_s=5.0, slow_ms=100, hot_keys=np.array([0]))  # its generator was killed
    tally.add_reads(_reads([0.0, 0.5], LoadReason.MISS, LoadReason.MISS))  # and warns of nothing
    assert tally.figures()["origin_reads"] == 2
    assert tally.origin.per_second().sum() == 0


def test_where_all_are_errors_their_quick_refusals_are_no_latency() -> None:
    tally = _tally()
    tally.add_answers(
        _answers()._replace(code=np.array([503, 503, 500, 0, 0]), age_s=np.full(5, np.nan), wrong_answer_kinds={})
    )
    row = figures(tally)
    assert tally.nothing == ["no request got a good answer: 5 of 5 are errors"]
    assert {row.hit_ratio, row.p50_ms, row.p99_ms, row.age_p50_s, row.wait_p99_ms} == {None}


def test_a_run_in_which_nothing_expired_says_so_and_has_no_steady_state() -> None:
    tally = _tally()
    tally.add_answers(_answers())
    tally.add_reads(_herds((0.0, 8, 0), (0.3, 2, 1)))
    row = figures(tally)
    assert (row.cold_peak_1s, row.steady_peak_1s) == (10, None)
    assert (tally.notes, tally.nothing) == ([NOTHING_EXPIRED], [])


def test_nobody_waited_is_no_wait_of_0_ms() -> None:
    tally = _tally()
    tally.add_answers(_answers())
    row = figures(tally)
    assert row.wait_p50_ms is row.wait_p99_ms is None


def _dispersion(intended_s: Any) -> float:
    tally = Tally(start_s=0.0, duration_s=20.0, ttl_s=5.0, slow_ms=50.0, hot_keys=np.array([0]))
    moments = np.sort(intended_s)
    for chunk in np.array_split(moments, 7):
        some = np.zeros(len(chunk), dtype=np.int64)
        tally.add_answers(
            Answers(
                intended_s=chunk, ended_s=chunk + 0.001, age_s=np.full(len(chunk), np.nan), key=some, code=some + 200,
                status=some, wrong_answer_kinds={}, attempts=some + 1, gave_up=some > 0,
            )
        )  # fmt: skip
    return float(figures(tally).arrivals_dispersion)


def test_dispersion_tells_poisson_from_a_fixed_pace_and_from_users_in_step() -> None:
    random = np.random.default_rng(3)
    assert _dispersion(random.uniform(0, 20, 8_000)) == pytest.approx(1.0, abs=0.1)
    assert _dispersion(np.arange(0, 20, 0.005) + 1e-6) == 0.0
    assert _dispersion(np.repeat(np.arange(0, 20, 0.25), 50)) > 40
    ramp = 20 * np.sqrt(random.uniform(0, 1, 40_000))
    assert _dispersion(ramp) == pytest.approx(1.0, abs=0.1), "a rate that changes is no dispersion"
