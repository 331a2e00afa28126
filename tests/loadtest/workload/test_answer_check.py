"""What is a wrong answer, and what is none though it looks like one."""

import json
import math
import zlib
from typing import Any

import pytest

from app.strategy import Status
from loadtest.workload.answer_check import (
    CORRUPT,
    EXISTS,
    FUTURE,
    MADE_UP,
    NO_AGE,
    NO_STATUS,
    NOT_ABSENT,
    NOT_AN_ITEM,
    OLDER,
    TOO_OLD,
    WRONG_ID,
    AnswerCheck,
    Seen,
)

NOW_S = 1_800_000_000.0
TTL_S, LOAD_S = 5.0, 0.2


def check(ahead_s: float | None = 0.0) -> AnswerCheck:
    made = AnswerCheck(overtaken_s=LOAD_S)
    made.promise({"static": TTL_S, "swr": TTL_S + 5})
    if ahead_s is not None:
        made.clock(ahead_s)
    return made


def fault(
    of: AnswerCheck,
    age_s: float = 1.0,
    said_age_s: float | None = -1e9,
    status: str = Status.HIT,
    at_s: float = NOW_S,
    took_s: float = 0.001,
    strategy: str = "static",
    floor_s: float | None = None,
    **item: Any,
) -> str:
    """Of an answer at `at_s` by the cache's clock, whose item was read `age_s` before."""
    text = "text"
    body = {"id": 1, "version": 1, "read_at": at_s - age_s, "text": text, "crc32": zlib.crc32(text.encode())} | item
    told_s = age_s if said_age_s == -1e9 else said_age_s
    seen = Seen(status, told_s, at_s - took_s, at_s)
    floor_s = of.floor_s(strategy, 1, at_s - took_s) if floor_s is None else floor_s
    return of.fault(strategy, 1, json.dumps(body).encode(), seen, floor_s)


def test_answers_that_go_back_are_seen_though_the_version_is_the_same() -> None:
    one = check()
    assert fault(one, age_s=0.5, strategy="swr") == ""
    assert fault(one, age_s=8.5, strategy="swr") == OLDER


def test_a_load_that_began_earlier_may_overwrite_a_newer_entry() -> None:
    one = check()
    assert fault(one, age_s=0.5) == ""
    assert fault(one, age_s=0.5 + LOAD_S) == ""
    assert fault(one, age_s=0.5 + LOAD_S + 0.2) == OLDER


def test_what_was_asked_for_before_the_newer_answer_came_may_be_older_than_it() -> None:
    one = check()
    floor_s = one.floor_s("static", 1, NOW_S)
    assert fault(one, age_s=0.1) == ""
    assert fault(one, age_s=4.0, floor_s=floor_s) == ""


def test_copies_in_pods_may_go_back_for_the_lag_that_is_stated_and_not_beyond() -> None:
    one = check()
    one.promise({}, lag_s={"copies": 1.0})
    seen_s = NOW_S - 3.0
    assert fault(one, age_s=0.1, at_s=seen_s, strategy="copies") == ""
    within_s, beyond_s = seen_s + 0.9, seen_s + 1.0 + LOAD_S + 0.1
    assert fault(one, age_s=4.0, at_s=within_s, strategy="copies") == ""
    assert fault(one, age_s=4.0, at_s=beyond_s, strategy="copies") == OLDER
    assert fault(one, age_s=0.1, at_s=seen_s) == ""
    assert fault(one, age_s=4.0, at_s=within_s) == OLDER, "who states no lag has none"


@pytest.mark.parametrize("ahead_s", [0.0, None], ids=["clock known", "clock unknown"])
def test_nothing_may_be_older_than_its_strategy_serves(ahead_s: float | None) -> None:
    assert fault(check(ahead_s), age_s=TTL_S) == ""
    assert fault(check(ahead_s), age_s=TTL_S + 0.5) == TOO_OLD
    assert fault(check(ahead_s), age_s=TTL_S + 4.9, strategy="swr", status=Status.STALE) == ""
    assert fault(check(ahead_s), age_s=TTL_S + 5.5, strategy="swr", status=Status.STALE) == TOO_OLD


def test_an_age_that_is_told_wrongly_is_seen_by_the_moment_of_reading() -> None:
    assert fault(check(), age_s=60.0, said_age_s=0.0) == TOO_OLD


def test_what_kept_an_answer_after_it_was_asked_for_is_latency_and_not_age() -> None:
    assert fault(check(), age_s=TTL_S + 2.9, took_s=3.0) == ""


def test_an_answer_by_a_load_is_as_old_as_that_load() -> None:
    assert fault(check(), age_s=LOAD_S, status=Status.MISS) == ""
    assert fault(check(), age_s=2.0, took_s=2.0, status=Status.MISS) == ""
    assert fault(check(), age_s=2.0, status=Status.MISS) == TOO_OLD
    assert fault(check(), age_s=LOAD_S, status=Status.COLLAPSED) == ""


def test_another_clock_at_the_client_is_no_fault_of_the_answer() -> None:
    one = check(ahead_s=3_600.0)
    assert fault(one, read_at=NOW_S + 3_600 - 1.0) == ""
    assert fault(check(ahead_s=None), read_at=NOW_S + 3_600 - 1.0) == ""


def test_what_was_read_in_the_future_is_wrong() -> None:
    assert fault(check(), age_s=-5.0, said_age_s=0.0) == FUTURE
    assert fault(check(ahead_s=None), read_at=NOW_S * 1_000) == FUTURE, "milliseconds, where seconds are meant"


@pytest.mark.parametrize("age_s", [-0.5, math.nan, math.inf, None])
def test_an_impossible_age_is_wrong(age_s: float | None) -> None:
    assert fault(check(), said_age_s=age_s) == NO_AGE


@pytest.mark.parametrize("status", ["", "shed", "error", "served"])
def test_a_200_says_how_it_was_made(status: str) -> None:
    assert fault(check(), status=status) == NO_STATUS


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"id": 2}, WRONG_ID),
        ({"text": "torn"}, CORRUPT),
        ({"read_at": math.nan}, NOT_AN_ITEM),
        ({"read_at": -3.0}, NOT_AN_ITEM),
        ({"read_at": None}, NOT_AN_ITEM),
        ({"version": "new"}, NOT_AN_ITEM),
    ],
)
def test_an_item_is_whole(item: dict[str, Any], said: str) -> None:
    assert fault(check(), **item) == said


def test_only_the_labs_own_404_says_that_there_is_no_item() -> None:
    assert check().absent_fault(9, b'{"error":"absent","reason":"there is no item 9"}') == ""
    for body in (b'{"detail":"Not Found"}', b"", b"[]", b'"absent"'):
        assert check().absent_fault(9, body) == NOT_ABSENT


def test_where_it_is_known_what_exists_a_404_of_that_is_wrong_and_so_is_an_item_of_what_does_not() -> None:
    absent = b'{"error":"absent","reason":"there is no item"}'
    some, none = check(), check()
    some.existing(2)
    none.existing(1)
    assert [some.absent_fault(key, absent) for key in (1, 2)] == [EXISTS, ""]
    assert (fault(some), fault(none)) == ("", MADE_UP)


def test_a_wrong_answer_is_not_what_later_ones_are_held_to() -> None:
    one = check()
    assert fault(one, age_s=-5.0, said_age_s=0.0) == FUTURE
    assert fault(one, age_s=1.0) == ""
