"""Records that are written still are read to the last whole line, each line once, as a report reads them."""

from pathlib import Path

import numpy as np
import pytest

from loadtest.figures.growing_records import GrowingRecords
from loadtest.figures.records import ANSWER_COLUMNS, Answers, read_answers, read_ledger
from loadtest.generator.client_records import ClientRecords

LINES = [
    "1.0,1.0,1.5,7,200,hit,0.25,pod-1,,1,0\r\n",
    '2.0,2.0,2.5,7,0,,,,"torn, and old",3,1\r\n',
    "3,3,3.5,8,200,miss,,,,1,0\r\n",
]


def together(found: list[Answers]) -> list[list[float]]:
    return [np.concatenate(columns).tolist() for columns in zip(*(one[:6] for one in found), strict=True)]


@pytest.mark.parametrize("size", [1, 7, 40, 1_000])
def test_in_whatever_pieces_a_file_grows_every_line_comes_once(size: int, tmp_path: Path) -> None:
    path, whole = tmp_path / "answers-1.csv", ",".join(ANSWER_COLUMNS) + "\r\n" + "".join(LINES)
    growing, found = GrowingRecords(tmp_path), []
    assert growing.new_answers() is None
    with path.open("w", newline="") as file:
        for begin in range(0, len(whole), size):
            file.write(whole[begin : begin + size])
            file.flush()
            found += [answers] if (answers := growing.new_answers()) else []
    assert growing.new_answers() is None
    np.testing.assert_equal(together(found), together(list(read_answers([path]))))
    assert sum(one.wrong_answer_kinds["torn, and old"] for one in found) == 1


def test_a_process_that_comes_later_is_read_too(tmp_path: Path) -> None:
    growing = GrowingRecords(tmp_path)
    for number in (1, 2):
        (tmp_path / f"answers-{number}.csv").write_text(",".join(ANSWER_COLUMNS) + "\n" + LINES[0])
        answers = growing.new_answers()
        assert answers is not None
        assert len(answers.key) == 1


def test_the_ledger_grows_on_the_clients_clock(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    path.write_text("asked_s,started_s,ended_s,key,reason,outcome\n101.5,101.7,102,lab:a:7,miss,ok\n100.5,,103,la")
    growing = GrowingRecords(tmp_path, clock_offset_s=100.0)
    first = growing.new_reads()
    with path.open("a") as file:
        file.write("b:a:8,early,shed\n")
    second = growing.new_reads()
    assert first is not None
    assert second is not None
    (whole,) = read_ledger(path, clock_offset_s=100.0)
    assert [second.asked_s[0], first.asked_s[0]] == whole.asked_s.tolist()


def test_another_file_is_named_and_not_taken_for_records(tmp_path: Path) -> None:
    (tmp_path / "answers-1.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"answers-1\.csv: no column"):
        GrowingRecords(tmp_path).new_answers()


def test_a_generator_that_is_killed_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    mine, growing = ClientRecords(tmp_path), GrowingRecords(tmp_path)
    mine.answer("1.0", "1.0", "1.5", 7, "200", "hit", "0.25", "pod-1", "", "1", "0")
    assert growing.new_answers() is None
    mine.flush()
    answers = growing.new_answers()
    assert answers is not None
    assert answers.key.tolist() == [7]
    mine.close()
    mine.flush()
