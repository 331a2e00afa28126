"""Records are read back as they were written, and nothing else is taken for them."""

from pathlib import Path

import numpy as np
import pytest

from app.strategy import Status
from loadtest.figures.records import (
    ANSWER_COLUMNS,
    FAILED,
    LOAD_REASONS,
    NO_STATUS,
    OK,
    RETRY_COLUMNS,
    SHED,
    STATUSES,
    read_answers,
    read_ledger,
    read_retries,
)


def test_answers_are_read_back_and_half_a_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "answers-1.csv"
    lines = "1.0,1.0,1.5,7,200,hit,0.25,pod-1,,1,0\n2.0,2.0,2.5,7,0,,,,torn,3,1\n3.0,3.0"
    path.write_text(",".join(ANSWER_COLUMNS) + "\n" + lines)
    (answers,) = read_answers([path])
    assert answers.latency_s.tolist() == [0.5, 0.5]
    assert answers.age_s[0] == 0.25
    assert np.isnan(answers.age_s[1])
    assert answers.status.tolist() == [STATUSES.index(Status.HIT), NO_STATUS]
    assert answers.wrong_answer_kinds == {"torn": 1}
    assert (answers.attempts.tolist(), answers.gave_up.tolist()) == ([1, 3], [False, True])


def test_a_file_of_before_retries_says_that_clients_asked_once_and_waited(tmp_path: Path) -> None:
    path = tmp_path / "answers-1.csv"
    path.write_text(",".join(ANSWER_COLUMNS[:-2]) + "\n1.0,1.0,1.5,7,200,hit,0.25,pod-1,\n2.0,2.0,2.5,7,0,,,,torn")
    (answers,) = read_answers([path])
    assert answers.wrong_answer_kinds == {"torn": 1}
    assert (answers.attempts.tolist(), answers.gave_up.tolist()) == ([1, 1], [False, False])


def test_retries_of_several_processes_are_read_in_order_of_sending(tmp_path: Path) -> None:
    paths = [tmp_path / "retries-1.csv", tmp_path / "retries-2.csv"]
    for path, lines in zip(paths, ("1.0,2,7\n3.0,3,7\n", "2.0,2,8\n4.0"), strict=True):
        path.write_text(",".join(RETRY_COLUMNS) + "\n" + lines)
    (retries,) = read_retries(paths)
    assert [column.tolist() for column in retries] == [[1, 2, 3], [2, 2, 3], [7, 8, 7]]
    assert [*read_retries([])] == []


def test_the_ledger_is_brought_onto_the_clients_clock_and_in_order_of_asking(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text(
        "asked_s,started_s,ended_s,key,reason,outcome\n101.5,101.7,102,lab:a:7,miss,ok\n100.5,100.5,103,lab:a:8,early,failed\n"
    )
    (reads,) = read_ledger(path, clock_offset_s=100.0)
    assert reads.asked_s.tolist() == [0.5, 1.5]
    assert reads.ended_s.tolist() == [3.0, 2.0]
    assert reads.key.tolist() == [8, 7]
    assert reads.started_s.tolist() == pytest.approx([0.5, 1.7])
    assert [LOAD_REASONS[reason] for reason in reads.reason] == ["early", "miss"]
    assert reads.outcome.tolist() == [FAILED, OK]


def test_what_was_shed_never_started(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("asked_s,started_s,ended_s,key,reason,outcome\n1,1,1.2,lab:a:7,miss,ok\n1,,1,lab:a:8,miss,shed\n")
    (reads,) = read_ledger(path)
    assert reads.outcome.tolist() == [OK, SHED]
    assert np.isnan(reads.started_s).tolist() == [False, True]


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"ledger\.csv: no column asked_s"):
        list(read_ledger(path))


@pytest.mark.parametrize("chunk", [1, 7, 1_000])
def test_a_ledger_of_any_disorder_is_read_in_order_of_asking(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.figures.records.CHUNK_LINES", chunk)
    asked_s = np.random.default_rng(5).permutation(np.arange(200) / 10)
    path = tmp_path / "ledger.csv"
    lines = (f"{at_s:.1f},{at_s:.1f},{at_s + 1:.1f},lab:a:{number},miss,ok\n" for number, at_s in enumerate(asked_s))
    path.write_text("asked_s,started_s,ended_s,key,reason,outcome\n" + "".join(lines))
    chunks = list(read_ledger(path))
    assert max(len(reads.key) for reads in chunks) == min(chunk, 200)
    assert np.concatenate([reads.key for reads in chunks]).tolist() == np.argsort(asked_s).tolist()
