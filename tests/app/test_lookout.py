"""Time-outs are judged by a loop that is on time: in virtual time, where a loop may be as late as a test wants."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest
import uvloop

from app.lookout import LOOKS_PER_TIMEOUT, Lookout

TIMEOUT_S = 0.25
EVERY_S = TIMEOUT_S / LOOKS_PER_TIMEOUT


def test_a_timer_on_time_judges_and_one_in_a_busy_loop_does_not() -> None:
    lookout = Lookout(TIMEOUT_S)
    assert lookout.may_judge(due_s=1.0, now_s=1.0)
    assert lookout.may_judge(due_s=2.0, now_s=2.0 + 0.9 * EVERY_S)
    assert not lookout.may_judge(due_s=3.0, now_s=3.0 + 1.1 * EVERY_S)


def test_a_loop_that_is_always_late_judges_every_other_time() -> None:
    """Or a dead Redis would never be noticed by a pod that is overloaded."""
    lookout = Lookout(TIMEOUT_S)
    assert [lookout.may_judge(float(turn), turn + 0.3) for turn in range(6)] == [False, True] * 3


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_reply_that_lay_in_the_socket_while_the_loop_was_busy_is_seen_before_the_verdict(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    timeout_s = 0.05
    here, there = socket.socketpair()

    async def main() -> None:
        running, lookout = asyncio.get_running_loop(), Lookout(timeout_s)
        seen: list[str] = []
        over = asyncio.Event()

        def look(due_s: float) -> None:
            if lookout.may_judge(due_s, time.monotonic()):
                seen.append("the verdict")
                over.set()
            else:
                running.call_later(lookout.every_s, look, time.monotonic() + lookout.every_s)

        class Reader(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                seen.append(data.decode())

        transport, _ = await running.create_connection(Reader, sock=here)
        running.call_later(timeout_s, look, time.monotonic() + timeout_s)
        there.send(b"the reply")
        time.sleep(2 * timeout_s)  # noqa: ASYNC251 - it is the busy loop
        await over.wait()
        transport.close()
        assert seen == ["the reply", "the verdict"]

    with there, asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
