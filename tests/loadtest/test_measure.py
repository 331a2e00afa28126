"""Figures against what can be counted by hand, or by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.strategy import Status, Why
from loadtest.measure import SlidingPeak, Tally, sliding_peak
from loadtest.records import NO_STATUS, STATUSES, WHYS, Answers, Reads

NAMED = {
    "scenario": "s",
    "strategy": "x",
    "world": "native",
    "seed": 1,
    "pods": 1,
    "loop": "closed",
    "target_rate": None,
}
times = st.lists(st.floats(0, 10, allow_nan=False).map(lambda time: round(time, 2)), max_size=60)


@given(times)
def test_the_sliding_peak_is_the_busiest_second_wherever_it_begins(moments: list[float]) -> None:
    brute_force = max((sum(begin <= moment < begin + 1 for moment in moments) for begin in moments), default=0)
    assert sliding_peak(np.array(moments)) == brute_force


def test_a_herd_across_a_full_second_is_not_split() -> None:
    assert sliding_peak(np.array([0.9, 0.95, 1.0, 1.05, 1.1])) == 5


@given(times, st.integers(1, 7))
def test_the_sliding_peak_is_the_same_in_pieces(moments: list[float], size: int) -> None:
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
        faults={"wrong id": 1},
    )


def _reads(asked_s: list[float], *whys: Why) -> Reads:
    asked = np.array(asked_s)
    return Reads(asked, asked + 0.1, np.zeros(len(asked), dtype=np.int64), np.array([WHYS.index(why) for why in whys]))


def _tally() -> Tally:
    return Tally(start_s=0.0, duration_s=2.5, ttl_s=5.0, slow_ms=50.0, hot_keys=np.array([0]))


def test_the_row_counts_every_request_once() -> None:
    tally = _tally()
    tally.add_answers(_answers())
    tally.add_reads(_reads([0.0, 0.2, 1.5], Why.MISS, Why.MISS, Why.REFRESH))
    row = tally.row(**NAMED)
    assert row.requests == 5
    assert row.achieved_rate == 2.0
    assert row.statuses == {"hit": 1, "miss": 1, "shed": 1, "stale": 1}
    assert row.hit_ratio == 0.4
    assert row.errors == 2  # the 503 and the one that never came; an absent item is no error
    assert tally.unanswered == 1
    assert row.wrong_answers == 1
    assert row.faults == {"wrong id": 1}
    assert (row.origin_reads, row.origin_peak_1s) == (3, 2)
    assert row.reads_by_why == {"miss": 2, "refresh": 1}
    assert row.p50_ms == pytest.approx(20.0, rel=0.001)
    assert row.p99_ms == pytest.approx(400.0, rel=0.001)
    assert row.age_p99_s == pytest.approx(6.0, rel=0.001)
    assert row.older_share == pytest.approx(1 / 3, abs=1e-5)
    assert row.slow_s == 2  # the first second and the one from 1.5 on; the third has none over 50 ms


def test_the_row_is_the_same_in_pieces() -> None:
    whole, pieces = _tally(), _tally()
    reads = _reads([0.0, 0.2, 1.5], Why.MISS, Why.MISS, Why.REFRESH)
    for tally in (whole, pieces):
        tally.add_reads(reads)
    whole.add_answers(_answers())
    answers = _answers()
    for cut in (slice(0, 2), slice(2, 5)):
        intended_s, ended_s, age_s = answers.intended_s[cut], answers.ended_s[cut], answers.age_s[cut]
        faults = answers.faults if cut.start == 0 else {}
        pieces.add_answers(Answers(intended_s, ended_s, age_s, answers.code[cut], answers.status[cut], faults))
    assert whole.row(**NAMED) == pieces.row(**NAMED)


def test_waits_are_those_of_the_collapsed() -> None:
    tally = _tally()
    collapsed = STATUSES.index(Status.COLLAPSED)
    tally.add_answers(_answers()._replace(status=np.array([collapsed, collapsed, 0, 0, 0])))
    row = tally.row(**NAMED)
    assert row.wait_p50_ms == pytest.approx(10.0, rel=0.001)
    assert row.wait_p99_ms == pytest.approx(100.0, rel=0.001)


def test_the_series_adds_up_to_the_figures() -> None:
    tally = _tally()
    tally.add_answers(_answers())
    tally.add_reads(_reads([0.1, 0.2, 0.3, 1.7], *[Why.MISS] * 4))
    line = tally.series()
    assert line.origin_reads.sum() * line.bin_s == 4
    assert line.origin_reads[0] == 6.0  # three in half a second
    assert line.p99_ms[3] == pytest.approx(400.0, rel=0.02)
    assert not np.isnan(line.p50_ms).any()
