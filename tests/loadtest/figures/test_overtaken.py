"""Which answers a write had overtaken: its end before the request, and its beginning after the read."""

from collections import Counter

import numpy as np
import pytest

from loadtest.figures.overtaken import Overtaken
from loadtest.figures.records import Answers, Writes


def answers(*rows: tuple[float, float, float, int, int]) -> Answers:
    """Of rows of intended_s, ended_s, age_s, key and code."""
    intended_s, ended_s, age_s, key, code = (np.array(column) for column in zip(*rows, strict=True))
    ones = np.ones(len(rows), dtype=np.int64)
    return Answers(intended_s, ended_s, age_s.astype(float), code, ones, key, Counter(), ones, ones == 0)


def writes(*rows: tuple[float, float, int]) -> Writes:
    began_s, ended_s, key = (np.array(column) for column in zip(*rows, strict=True))
    return Writes(began_s, ended_s, key)


def test_an_answer_is_overtaken_by_what_was_written_after_its_read_and_before_its_request() -> None:
    told = Overtaken()
    told.add_writes(writes((10.0, 10.5, 1), (20.0, 20.5, 1), (5.0, 5.0, 2)))
    told.add_answers(
        answers(
            (12.0, 12.0, 3.0, 1, 200),  # read at 9, written at 10
            (12.0, 12.0, 1.0, 1, 200),  # read at 11
            (10.2, 12.0, 3.0, 1, 200),  # the write was not over when it was asked for
            (30.0, 30.0, 25.0, 1, 200),  # read at 5, overtaken since 10.5 though there was a second write
            (30.0, 30.0, 25.0, 3, 200),  # never written
            (30.0, 30.0, np.nan, 1, 503),
            (30.0, 30.0, 29.0, 2, 404),
        )
    )
    figures = told.figures()
    assert (figures["writes"], figures["overtaken_share"]) == (3, 0.4)
    assert figures["overtaken_p99_s"] == pytest.approx(19.5, rel=0.002)


def test_writes_may_come_in_any_number_of_chunks() -> None:
    together, apart = Overtaken(), Overtaken()
    rows = [(float(at_s), at_s + 0.1, at_s % 3) for at_s in range(30)]
    asked = answers(*((at_s + 0.5, at_s + 0.6, 4.0, at_s % 3, 200) for at_s in range(30)))
    together.add_writes(writes(*rows))
    for row in rows:
        apart.add_writes(writes(row))
    for told in (together, apart):
        told.add_answers(asked)
    assert together.figures() == apart.figures()
    assert together.figures()["overtaken_share"] > 0.8


def test_without_an_answer_nothing_is_said_of_answers() -> None:
    assert Overtaken().figures() == {"writes": 0, "overtaken_share": None, "overtaken_p99_s": None}
