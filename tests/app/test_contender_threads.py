"""Threads of a library that blocks."""

import asyncio
import threading
from contextvars import ContextVar
from functools import partial

import pytest

from app.contender_threads import Threads, blocking

WHO: ContextVar[str] = ContextVar("who", default="nobody")


def test_calls_beyond_the_bound_wait_for_a_thread() -> None:
    begun, gate, at_work = threading.Semaphore(0), threading.Event(), list[int]()

    def work(number: int) -> int:
        at_work.append(number)
        begun.release()
        assert gate.wait(10)
        return number

    async def five_at_once() -> list[int]:
        threads = Threads(threads_max=2)
        calls = [asyncio.ensure_future(threads.call(partial(work, number))) for number in range(5)]
        for _ in range(2):
            assert await asyncio.to_thread(begun.acquire, timeout=10)
        assert not await asyncio.to_thread(begun.acquire, timeout=0.01)
        gate.set()
        answers = await asyncio.gather(*calls)
        threads.close()
        return answers

    assert asyncio.run(five_at_once()) == [0, 1, 2, 3, 4]
    assert sorted(at_work[:2]) == [0, 1]


def test_a_load_runs_in_the_event_loop_in_the_context_of_its_request() -> None:
    async def request() -> tuple[str, bool]:
        threads, loop = Threads(), asyncio.get_running_loop()

        async def load() -> tuple[str, bool]:
            await asyncio.sleep(0)
            return WHO.get(), asyncio.get_running_loop() is loop

        WHO.set("a request")
        found = await threads.call(blocking(load))
        threads.close()
        return found

    assert asyncio.run(request()) == ("a request", True)


def test_an_error_of_the_load_is_the_callers_and_a_closed_pool_leaves_no_thread() -> None:
    before = set(threading.enumerate())

    async def request() -> threading.Thread:
        threads = Threads(threads_max=1)

        async def load() -> bytes:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await threads.call(blocking(load))
        (thread,) = set(threading.enumerate()) - before
        threads.close()
        return thread

    thread = asyncio.run(request())
    thread.join(5)
    assert not thread.is_alive()
