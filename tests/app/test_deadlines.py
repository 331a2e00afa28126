"""Deadlines of one length: who is late, when, by how many timers; and a loop that is late itself judges nobody."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from app.deadlines import Deadlines
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualLoop

SECONDS = 5.0


class Waits:
    """Deadlines whose waits are names; `late` are those that passed, with the time."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.late: list[tuple[str, float]] = []
        self.deadlines = Deadlines(seconds, self._pass)

    def _pass(self, name: str) -> None:
        self.late.append((name, asyncio.get_running_loop().time()))


def play(story: Callable[[Waits], Awaitable[None]]) -> None:
    async def main() -> None:
        await story(Waits())

    loop.run(main())


def test_each_wait_passes_at_its_own_moment_unless_it_has_ended() -> None:
    async def story(waits: Waits) -> None:
        for name in ("first", "ended", "last"):
            waits.deadlines.begin(name)
            await asyncio.sleep(1)
        waits.deadlines.end("ended")
        waits.deadlines.end("ended")
        await asyncio.sleep(SECONDS)
        waits.deadlines.begin("again")
        await asyncio.sleep(2 * SECONDS)
        assert waits.late == [("first", 5.0), ("last", 7.0), ("again", 13.0)]
        assert len(waits.deadlines) == 0

    play(story)


def test_a_thousand_waits_that_end_in_time_cost_one_timer() -> None:
    async def story(waits: Waits) -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        for number in range(1_000):
            waits.deadlines.begin(str(number))
            waits.deadlines.end(str(number))
        assert len(running._timers) == 1
        await asyncio.sleep(2 * SECONDS)
        assert waits.late == []

    play(story)


def test_a_wait_that_another_one_ends_as_it_passes_does_not_pass() -> None:
    async def story(waits: Waits) -> None:
        def end_second(name: str) -> None:
            waits.late.append((name, 0.0))
            deadlines.end("second")

        deadlines = Deadlines(SECONDS, end_second)
        for name in ("first", "second", "third"):
            deadlines.begin(name)
        await asyncio.sleep(2 * SECONDS)
        assert [name for name, _ in waits.late] == ["first", "third"]

    play(story)


def test_closed_deadlines_pass_no_more() -> None:
    async def story(waits: Waits) -> None:
        waits.deadlines.begin("one")
        waits.deadlines.close()
        await asyncio.sleep(2 * SECONDS)
        assert waits.late == []

    play(story)


def test_what_a_thread_brought_in_time_to_a_loop_that_was_late_is_not_late() -> None:
    async def main() -> None:
        waits, running = Waits(0.05), asyncio.get_running_loop()
        answered: asyncio.Future[None] = running.create_future()

        async def wait() -> None:
            try:
                await answered
            finally:
                waits.deadlines.end("one")

        waiting = asyncio.create_task(wait())
        waits.deadlines.begin("one")
        await asyncio.sleep(0)
        reading = running.run_in_executor(None, time.sleep, 0.01)
        reading.add_done_callback(lambda _: answered.set_result(None))
        await asyncio.sleep(0)
        time.sleep(0.2)  # noqa: ASYNC251 # the loop is late, and the thread was not
        await waiting
        await asyncio.sleep(0.02)
        assert waits.late == []
        waits.deadlines.begin("another")
        await asyncio.sleep(0.1)
        assert [name for name, _ in waits.late] == ["another"]

    asyncio.run(main())
