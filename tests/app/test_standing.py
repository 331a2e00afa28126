"""When Redis counts as away: the policy alone, by a clock that the test sets."""

import pytest

from app.standing import TIMEOUTS_IN_A_ROW, Standing
from app.strategy import CacheAway
from tests.app.set_clock import SetClock

TIMEOUT_S, PAUSE_S = 0.25, 1.0


class Stage:
    """A standing, and commands that are sent one after the other."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.standing = Standing(PAUSE_S, self.clock)

    def time_out(self, sent_s: float | None = None) -> None:
        """Let a command time out that is sent now, or was at `sent_s`."""
        sent_s = self.standing.sending() if sent_s is None else sent_s
        self.clock.now_s = max(self.clock.now_s, sent_s + TIMEOUT_S)
        self.standing.timed_out(sent_s)

    def answer(self) -> None:
        sent_s = self.standing.sending()
        self.clock.now_s += 0.001
        self.standing.answered(sent_s)


def test_a_single_time_out_closes_nothing_and_several_in_a_row_do() -> None:
    stage = Stage()
    for _ in range(TIMEOUTS_IN_A_ROW - 1):
        stage.time_out()
        assert stage.standing.is_open
    stage.time_out()
    assert not stage.standing.is_open
    with pytest.raises(CacheAway, match="redis_pause_ms"):
        stage.standing.check()


def test_an_answer_in_between_begins_the_row_anew() -> None:
    stage = Stage()
    for _ in range(10):
        for _ in range(TIMEOUTS_IN_A_ROW - 1):
            stage.time_out()
        stage.answer()
    assert stage.standing.is_open


def test_commands_that_were_under_way_together_are_one_piece_of_evidence() -> None:
    stage = Stage()
    began_s = stage.clock.now_s
    for number in range(500):
        stage.time_out(began_s + number * TIMEOUT_S / 1000)
    assert stage.standing.is_open
    stage.time_out()
    assert stage.standing.is_open
    stage.time_out()
    assert not stage.standing.is_open


def test_a_slow_command_whose_followers_are_answered_is_no_evidence() -> None:
    stage = Stage()
    for _ in range(10 * TIMEOUTS_IN_A_ROW):
        sent_s = stage.clock.now_s
        stage.answer()
        stage.time_out(sent_s)
    assert stage.standing.is_open


def test_one_lost_connection_is_enough() -> None:
    stage = Stage()
    stage.standing.lost()
    assert not stage.standing.is_open


def test_a_redis_that_is_away_is_asked_again_after_the_pause_and_one_more_time_out_renews_it() -> None:
    stage = Stage()
    stage.standing.lost()
    for _ in range(3):
        stage.clock.now_s += PAUSE_S / 2
        with pytest.raises(CacheAway):
            stage.standing.check()
        stage.clock.now_s += PAUSE_S / 2
        stage.standing.check()
        stage.time_out()
    stage.clock.now_s += PAUSE_S
    stage.answer()
    assert stage.standing.is_open


def test_an_answer_to_what_was_sent_before_it_was_lost_does_not_bring_it_back() -> None:
    stage = Stage()
    sent_s = stage.standing.sending()
    stage.standing.lost()
    stage.clock.now_s += 2 * PAUSE_S
    stage.standing.answered(sent_s)
    assert not stage.standing.is_open
