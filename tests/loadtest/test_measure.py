"""Figures against what can be counted by hand, or by brute force."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.measure import (
    ANSWER_COLUMNS,
    Answers,
    Reads,
    figures,
    percentile,
    read_answers,
    read_ledger,
    series,
    since,
    sliding_peak,
)

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


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_a_value_that_was_seen(values: list[float], share: float) -> None:
    found = percentile(np.array(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)


def _answers() -> Answers:
    return Answers(
        intended_s=np.array([0.0, 0.5, 1.0, 1.5, 2.0]),
        ended_s=np.array([0.1, 0.51, 1.02, 1.9, 2.0]),
        age_s=np.array([0.0, 1.0, 6.0, np.nan, np.nan]),
        codes=np.array([200, 200, 404, 503, 0]),
        statuses=["miss", "hit", "stale", "shed", ""],
        faults=["", "wrong id", "", "", ""],
    )


def test_the_row_counts_every_request_once() -> None:
    reads = Reads(np.array([0.0, 0.2, 1.5]), ["miss", "miss", "refresh"])
    row = figures(_answers(), reads, 2.5, **NAMED)
    assert row.requests == 5
    assert row.achieved_rate == 2.0
    assert row.statuses == {"hit": 1, "miss": 1, "shed": 1, "stale": 1}
    assert row.hit_ratio == 0.4
    assert row.errors == 2  # the 503 and the one that never came; an absent item is no error
    assert row.wrong_answers == 1
    assert row.faults == {"wrong id": 1}
    assert (row.origin_reads, row.origin_peak_1s) == (3, 2)
    assert row.reads_by_why == {"miss": 2, "refresh": 1}
    assert (row.p50_ms, row.p99_ms) == (20.0, 400.0)
    assert row.age_p99_s == 6.0


def test_the_warm_up_does_not_count() -> None:
    kept = since(Reads(np.array([9.0, 10.0, 11.0]), ["miss", "early", "refresh"]), 10.0)
    assert kept.whys == ["early", "refresh"]


def test_the_series_adds_up_to_the_figures() -> None:
    reads = Reads(np.array([0.1, 0.2, 0.3, 1.7]), ["miss"] * 4)
    line = series(_answers(), reads, 0.0, 2.5, bin_s=0.5)
    assert line.origin_reads.sum() * line.bin_s == 4
    assert line.origin_reads[0] == 6.0  # three in half a second
    assert line.p99_ms[3] == pytest.approx(400.0)
    assert not np.isnan(line.p50_ms).any()


def test_records_are_read_back_and_half_a_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "answers-1.csv"
    path.write_text(",".join(ANSWER_COLUMNS) + "\n1.0,1.0,1.5,7,200,hit,0.25,pod-1,\n2.0,2.0,2.5,7,0,,,,\n3.0,3.0")
    answers = read_answers([path])
    assert answers.latency_s.tolist() == [0.5, 0.5]
    assert answers.age_s[0] == 0.25
    assert np.isnan(answers.age_s[1])


def test_the_ledger_is_brought_onto_the_clients_clock(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("asked_s,why\n100.5,miss\n")
    assert read_ledger(path, clock_offset_s=100.0).asked_s.tolist() == [0.5]


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"ledger\.csv: no column asked_s"):
        read_ledger(path)
