"""A pod remembers a bounded number of failure marks, each until it ends."""

import pytest

from app.nets.failure_marks import FailureMarks
from app.nets.refusals import LoadJustFailed
from tests.app.nets.clock import HandClock


def test_a_mark_holds_until_its_end() -> None:
    clock = HandClock()
    marks = FailureMarks(10, clock)
    marks.set("a", 1.0)
    clock.at_s += 0.75
    with pytest.raises(LoadJustFailed) as failed:
        marks.check("a")
    assert failed.value.retry_after_s == 0.25
    marks.check("b")
    clock.at_s += 0.25
    marks.check("a")
    assert len(marks) == 0


def test_no_more_marks_are_kept_than_may_be_and_the_oldest_go_first() -> None:
    clock = HandClock()
    marks = FailureMarks(10, clock)
    for number in range(100):
        marks.set(str(number), 1.0)
    assert len(marks) == 10
    assert marks.rest_s("99") == 1.0
    assert marks.rest_s("0") == 0.0


def test_a_mark_of_no_length_marks_nothing() -> None:
    marks = FailureMarks(10, HandClock())
    marks.set("a", 0.0)
    assert len(marks) == 0
