"""Threads for a library that blocks: it waits in one of them, and its loads run in the event loop as all others do."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

THREADS_MAX = 40
"""The threads of one site, as many as Starlette gives to the blocking routes of a process."""


class Threads:
    """A bounded pool of threads, in which calls that find none free wait for their turn.

    A thread that is blocked for ever, as by a lock without a lease, does not keep its process from ending.
    """

    def __init__(self, threads_max: int = THREADS_MAX) -> None:
        self._threads_max = threads_max
        self._started = 0
        self._calls = SimpleQueue[Callable[[], None] | None]()
        self._free = threading.Semaphore(0)

    async def call(self, function: Callable[[], T]) -> T:
        """The function's answer or error, from a thread; a caller that is cancelled leaves it to end by itself."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._calls.put(partial(_answer, loop, answer, partial(contextvars.copy_context().run, function)))
        if not self._free.acquire(blocking=False) and self._started < self._threads_max:
            self._started += 1
            threading.Thread(target=self._work, name=f"contender-{self._started}", daemon=True).start()
        return await answer

    def close(self) -> None:
        """Let every thread end with the call that it has; calls that wait for one are not made."""
        while not self._calls.empty():
            self._calls.get()
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            self._free.release()


def blocking(load: Callable[[], Awaitable[T]]) -> Callable[[], T]:
    """The loader as a function that a thread may call: it runs in the event loop that runs now, and is waited for."""
    loop = asyncio.get_running_loop()

    async def loaded() -> T:
        return await load()

    return lambda: asyncio.run_coroutine_threadsafe(loaded(), loop).result()


def _answer(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]", function: Callable[[], T]) -> None:
    settle: Callable[[], None]
    try:
        settle = partial(answer.set_result, function())
    except BaseException as error:
        settle = partial(answer.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
        loop.call_soon_threadsafe(_unless_done, answer, settle)


def _unless_done(answer: "asyncio.Future[T]", settle: Callable[[], None]) -> None:
    if not answer.done():
        settle()
