import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_time_begins_at_zero_and_jumps_to_the_exact_moment_of_the_next_timer() -> None:
    async def main() -> list[float]:
        seen = [now_s()]
        for pause_s in (0.1, 0.2, 0.3, 1e-9, 1800.0):
            await asyncio.sleep(pause_s)
            seen.append(now_s())
        return seen

    expected = [0.0]
    for pause_s in (0.1, 0.2, 0.3, 1e-9, 1800.0):
        expected.append(expected[-1] + pause_s)
    assert loop.run(main()) == expected


def test_no_timer_fires_early_however_close_another_one_is() -> None:
    later = 0.1 + 0.2  # one step of the float after 0.3
    fired: list[tuple[float, float]] = []

    def note(due_s: float) -> None:
        fired.append((due_s, now_s()))

    async def main() -> None:
        running = asyncio.get_running_loop()
        for due_s in (later, 0.3):
            running.call_at(due_s, note, due_s)
        await asyncio.sleep(1)

    assert later != 0.3
    loop.run(main())
    assert fired == [(0.3, 0.3), (later, later)]


def test_timers_fire_at_times_so_large_that_a_fixed_resolution_would_be_lost_in_them() -> None:
    async def main() -> float:
        await asyncio.sleep(1e12)
        await asyncio.sleep(0.5)
        return now_s()

    assert loop.run(main(), deadline_s=1e13) == 1e12 + 0.5


def test_ready_callbacks_run_first_in_first_out_and_timers_of_one_moment_in_the_order_they_were_set() -> None:
    order: list[str] = []

    async def main() -> None:
        running = asyncio.get_running_loop()
        numbers = list(range(200))
        Random(1).shuffle(numbers)
        for number in numbers:
            running.call_at(5.0 if number % 2 else 4.0, order.append, f"timer {number}")
            running.call_soon(order.append, f"soon {number}")
        await asyncio.sleep(6)
        expected = [f"soon {number}" for number in numbers]
        expected += [f"timer {number}" for number in numbers if number % 2 == 0]
        expected += [f"timer {number}" for number in numbers if number % 2]
        assert order == expected

    loop.run(main())


def test_timeouts_events_locks_and_queues_work_at_exact_times() -> None:
    log: list[tuple[str, float]] = []

    async def eats(queue: asyncio.Queue[str], lock: asyncio.Lock) -> None:
        while True:
            what = await queue.get()
            async with lock:
                await asyncio.sleep(0.5)
                log.append((what, now_s()))
            queue.task_done()

    async def main() -> None:
        queue, lock, event = asyncio.Queue[str](), asyncio.Lock(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            eaters = [group.create_task(eats(queue, lock)) for _ in range(2)]
            await queue.put("a")
            await queue.put("b")
            await queue.join()
            for eater in eaters:
                eater.cancel()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.25):
                await event.wait()
        log.append(("timeout", now_s()))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(event.wait(), 0.25)
        log.append(("wait_for", now_s()))
        asyncio.get_running_loop().call_later(2, event.set)
        await asyncio.wait_for(event.wait(), 10)
        log.append(("event", now_s()))

    loop.run(main())
    assert log == [("a", 0.5), ("b", 1.0), ("timeout", 1.25), ("wait_for", 1.5), ("event", 3.5)]


def test_what_main_raises_comes_out() -> None:
    async def main() -> None:
        await asyncio.sleep(1)
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        loop.run(main())


def test_leftover_tasks_are_cancelled_and_have_virtual_time_to_clean_up_in() -> None:
    ended_s: list[float] = []

    async def lingers() -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            await asyncio.sleep(2)
            ended_s.append(now_s())

    async def main() -> str:
        asyncio.create_task(lingers())  # noqa: RUF006
        await asyncio.sleep(1)
        return "done"

    assert loop.run(main(), deadline_s=2) == "done"
    assert ended_s == [3]


def test_asynchronous_generators_that_are_left_open_get_closed() -> None:
    log: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(1)
            log.append("closed")

    kept = []

    async def main() -> None:
        generator = numbers()
        kept.append(generator)
        assert await anext(generator) == 1
        assert log == []

    loop.run(main())
    assert log == ["closed"]


def test_a_clock_counts_the_virtual_time_with_its_skew() -> None:
    async def main() -> tuple[float, float]:
        running = asyncio.get_running_loop()
        right, ahead = VirtualClock(running), VirtualClock(running, skew_s=12)
        await asyncio.sleep(1.25)
        return right.now_s(), ahead.now_s()

    assert loop.run(main()) == (1.25, 13.25)


def test_a_run_that_ends_in_the_step_in_which_something_else_stops_the_loop_is_closed_in_order() -> None:
    """The next step of a recorder may be full with the last answer; the end's own stop comes only after that."""
    left: list[AsyncIterator[int]] = []

    async def generate() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)

    async def main() -> str:
        left.append(generate())
        await anext(left[0])
        asyncio.get_running_loop().stop()
        return "over"

    assert loop.run(main()) == "over"
