"""Coroutines that begin at once: most requests are hits that never wait, and need no task and no turn of the loop."""

from asyncio import CancelledError, Future
from asyncio.tasks import _enter_task, _leave_task  # documented under "Extending" in asyncio's manual
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

from loadtest.sim.kernel.loop import VirtualLoop

T = TypeVar("T")


class StartedTask(Future[T]):
    """A task that continues a coroutine after its first step, with only what asyncio asks of a task."""

    # on the class, because one is made for each request that waits
    _coro: Coroutine[Any, Any, T] | None = None
    _waits_for: Future[Any] | None = None
    _context: Context | None = None
    _must_cancel = False
    _cancels = 0
    when_done: Callable[["StartedTask[T]"], None] | None = None
    """The function called in the step in which the task ends; a done callback would cost a turn of the loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__(loop=loop)
        self._own_loop = loop

    def get_name(self) -> str:
        return "request"

    def get_coro(self) -> Coroutine[Any, Any, T] | None:
        return self._coro

    def cancelling(self) -> int:
        return self._cancels

    def uncancel(self) -> int:
        self._cancels = max(0, self._cancels - 1)
        return self._cancels

    def cancel(self, msg: Any | None = None) -> bool:
        if self.done():
            return False
        self._cancels += 1
        if self._waits_for is None or not self._waits_for.cancel(msg=msg):
            self._must_cancel = True
        return True

    def carry_on(self, coro: Coroutine[Any, Any, T], awaited: Any, context: Context | None) -> None:
        """Continue a coroutine that has begun and waits for what it has yielded, in that context or a copy of this."""
        self._coro, self._context = coro, context
        self._own_loop.started[self] = None
        self._wait_for(awaited)

    def _wait_for(self, awaited: Any) -> None:
        if awaited is None:  # sleep(0)
            self._own_loop.call_soon(self._step, context=self._context)
            return
        awaited._asyncio_future_blocking = False
        if self._context is None:  # stated as None, a future in C would step it in the context of who sets its result
            awaited.add_done_callback(self._step)
        else:
            awaited.add_done_callback(self._step, context=self._context)
        self._waits_for = awaited
        if self._must_cancel and awaited.cancel():
            self._must_cancel = False

    def _step(self, awaited: Future[Any] | None = None) -> None:
        """Continue the coroutine; what a future that it awaits has ended with, it finds in that future itself."""
        loop, coro = self._own_loop, self._coro
        self._waits_for = None
        assert coro is not None
        _enter_task(loop, self)  # type: ignore[arg-type]
        try:
            if self._must_cancel:
                self._must_cancel = False
                awaited = coro.throw(CancelledError())
            else:
                awaited = coro.send(None)
        except StopIteration as ended:
            self.set_result(ended.value)
        except CancelledError:
            super().cancel()
        except BaseException as failure:
            self.set_exception(failure)
        else:
            self._wait_for(awaited)
            return
        finally:
            _leave_task(loop, self)  # type: ignore[arg-type]
        del loop.started[self]
        if self.when_done is not None:
            self.when_done(self)


class Starter:
    """A starter of coroutines from a callback of the loop, where no other task runs."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._spare: StartedTask[Any] = StartedTask(loop)

    def start(self, coro: Coroutine[Any, Any, T], context: Context | None = None) -> "T | StartedTask[T]":
        """Run the coroutine to its end, and return its result; or to its first wait, and return its task.

        A task that was not needed is used for the next coroutine. Every step is in the `context` where one is given, as
        in asyncio's own tasks; else in copies of the present one, which costs less.
        """
        task = self._spare
        _enter_task(self._loop, task)  # type: ignore[arg-type]
        try:
            awaited = coro.send(None) if context is None else context.run(coro.send, None)
        except StopIteration as stopped:
            return stopped.value  # type: ignore[no-any-return]
        finally:
            _leave_task(self._loop, task)  # type: ignore[arg-type]
        self._spare = StartedTask(self._loop)
        task.carry_on(coro, awaited, context)
        return task
