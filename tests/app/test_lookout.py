"""Time-outs are judged by a loop that looks after its connection: however busy it is, the socket is polled before."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest
import uvloop

from app.budget import Budget
from app.lookout import LOOKS_PER_TIMEOUT, ON_TIME_S, AttentiveTime
from tests.app.set_clock import SetClock

TIMEOUT_S = 0.25
EVERY_S = TIMEOUT_S / LOOKS_PER_TIMEOUT


class Stage:
    """A time that looks, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.time = AttentiveTime(TIMEOUT_S, self.clock)
        self.time.begin()
        self.began_s = self.time.now_s()

    def turn(self, seconds: float = EVERY_S) -> float:
        """A turn of the loop, at whose end it looks."""
        self.clock.now_s += seconds
        return self.time.look() - self.began_s


def test_in_a_loop_on_time_it_is_the_time_of_all_clocks() -> None:
    stage = Stage()
    for turns in range(1, 30):
        assert stage.turn() == pytest.approx(turns * EVERY_S)
        assert not stage.time.was_late(stage.began_s)
    stage.clock.now_s += EVERY_S / 2
    assert stage.time.now_s() - stage.began_s == pytest.approx(29.5 * EVERY_S)


def test_a_turn_of_any_length_counts_as_two_looks_so_that_a_time_out_has_several_polls_before_it() -> None:
    stage = Stage()
    assert stage.turn(10.0) == pytest.approx(2 * EVERY_S)
    turns = next(turns for turns in range(2, 99) if stage.turn(10.0) >= TIMEOUT_S)
    assert 3 <= turns <= LOOKS_PER_TIMEOUT


def test_a_wait_in_which_the_loop_was_late_costs_a_request_nothing_of_its_budget() -> None:
    stage, budget = Stage(), Budget(TIMEOUT_S)
    stage.turn()
    since_s = stage.time.now_s()
    stage.clock.now_s += 0.3  # a reply comes in the same turn in which the look is overdue
    assert stage.time.was_late(since_s)
    budget.take(stage.time.now_s() - since_s, stage.time.was_late(since_s))
    assert budget.left_s == TIMEOUT_S


def test_lateness_is_forgotten_after_a_few_looks_on_time() -> None:
    stage = Stage()
    stage.turn(1.0)
    assert stage.time.was_late(stage.time.now_s())
    for _ in range(3):
        stage.turn(EVERY_S + 0.9 * ON_TIME_S)
    assert not stage.time.was_late(stage.time.now_s())


def test_a_time_in_which_nothing_was_under_way_is_no_lateness() -> None:
    stage = Stage()
    stage.clock.now_s += 60.0
    stage.time.begin()
    assert not stage.time.was_late(stage.time.now_s())
    stage.turn()
    assert not stage.time.was_late(stage.time.now_s())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_reply_that_lay_in_the_socket_while_the_loop_was_busy_is_seen_before_the_verdict(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    here, there = socket.socketpair()

    async def main() -> None:
        running, attentive = asyncio.get_running_loop(), AttentiveTime(TIMEOUT_S, time.monotonic)
        seen: list[str] = []
        over = asyncio.Event()

        def look() -> None:
            if attentive.look() >= due_s:
                seen.append("the verdict")
                over.set()
            else:
                running.call_later(attentive.every_s, look)

        class Reader(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                seen.append(data.decode())

        transport, _ = await running.create_connection(Reader, sock=here)
        attentive.begin()
        due_s = attentive.now_s() + TIMEOUT_S
        running.call_later(attentive.every_s, look)
        there.send(b"the reply")
        time.sleep(1.2 * TIMEOUT_S)  # noqa: ASYNC251 - it is the busy loop
        await over.wait()
        transport.close()
        assert seen == ["the reply", "the verdict"]

    with there, asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
