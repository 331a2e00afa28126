"""Warnings of an outage: the first of a kind, then one in a while with the number of those left out."""

import logging

import pytest

from app.sparing_log import EVERY_S, KINDS_MAX, SparingLog


def test_a_kind_is_said_once_in_a_while_with_the_number_of_those_left_out(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 5.0
    sparing = SparingLog(logging.getLogger("app.test"), lambda: now_s)
    with caplog.at_level(logging.WARNING):
        for number in range(1_000):
            sparing.warning("refused", "not stored: %s", f"key {number}")
        sparing.warning("corrupt", "no entry: %s", "key")
        now_s += EVERY_S
        sparing.warning("refused", "not stored: %s", "last")
        sparing.warning("corrupt", "no entry: %s", "last")
    assert caplog.messages == [
        "not stored: key 0",
        "no entry: key",
        "not stored: last (and 999 more since the last such warning)",
        "no entry: last",
    ]


def test_kinds_have_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    sparing = SparingLog(logging.getLogger("app.test"), lambda: 1.0)
    with caplog.at_level(logging.WARNING):
        for number in range(2 * KINDS_MAX):
            sparing.warning(f"kind {number}", "said")
    assert len(caplog.messages) == KINDS_MAX
