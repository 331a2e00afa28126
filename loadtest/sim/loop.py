"""An asyncio event loop in virtual time.

Nothing ever waits: when nobody can run, the time jumps to the next timer, exactly. Callbacks that are ready run in the
order in which they became ready, and timers of one moment in the order in which they were set, so that a run depends
on nothing but the code and its seeds. What would let the real world in (threads, sockets, processes) is refused.

The loop is asyncio's own `BaseEventLoop`; what is put in its place is the selector, which asyncio asks to wait.
"""

import asyncio
import heapq
import itertools
import math
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CLOSING_S_MAX = 60.0
"""Virtual seconds that cancelled tasks have to end in."""
TICKS_AT_ONCE_MAX = 1_000_000
"""Turns of the loop without the time moving: beyond, somebody spins."""
TASKS_NAMED_MAX = 20


class VirtualTimeError(RuntimeError):
    """The run cannot go on, or asked for something that virtual time does not have."""


class Deadlock(VirtualTimeError):
    """Nothing is left to run, and somebody waits. The text names who."""


class DeadlineReached(VirtualTimeError):
    """The run's virtual time is over, or stands still. The text names who is not done."""


def run(main: Coroutine[Any, Any, T], deadline_s: float = 3600.0) -> T:
    """What the coroutine returns, once it has run to its end in virtual time.

    The time begins at 0. As `asyncio.run` does, it cancels what is left over and closes asynchronous generators.
    Raises `Deadlock`, `DeadlineReached` after `deadline_s` virtual seconds, and whatever `main` raises.
    """
    loop = VirtualLoop(deadline_s)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            return runner.run(main)
        finally:
            loop.deadline_s = loop.time() + CLOSING_S_MAX


class VirtualClock:
    """Implements `app.strategy.Clock` over a loop's time, `skew_s` ahead of it. It counts from 0, not from an epoch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_s: float = 0.0) -> None:
        self._loop = loop
        self._skew_s = skew_s

    def now_s(self) -> float:
        return self._loop.time() + self._skew_s


class _Timer(asyncio.TimerHandle):
    """A timer with a number. A heap alone would fire timers of the same moment in any order."""

    __slots__ = ("_due",)
    _scheduled: bool

    def __init__(
        self,
        number: int,
        when_s: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        super().__init__(when_s, callback, args, loop, context)
        self._due = (when_s, number)

    def __lt__(self, other: asyncio.TimerHandle) -> bool:
        return self._due < other._due if isinstance(other, _Timer) else NotImplemented


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. `run` is the way to use it."""

    # of asyncio.BaseEventLoop, unchanged from Python 3.11 to 3.13
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, deadline_s: float) -> None:
        super().__init__()
        self.deadline_s = deadline_s
        self._now_s = 0.0
        self._ticks_at_once = 0
        self._timer_numbers = itertools.count()
        self._home_thread = threading.get_ident()
        self._selector = SimpleNamespace(select=self._select)
        self._set_time(0.0)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        if math.isnan(when):
            raise ValueError("a timer cannot be set to NaN")
        timer = _Timer(next(self._timer_numbers), when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._home_thread:
            raise VirtualTimeError("call_soon_threadsafe: another thread has no place in virtual time")
        return self.call_soon(callback, *args, context=context)

    def _select(self, timeout_s: float | None) -> list[Any]:
        """Where asyncio would wait for `timeout_s`, or without one for the outside world: move the time instead."""
        if timeout_s is None:
            raise Deadlock(f"nothing is left to run at {self._now_s:g} s, and somebody waits: {_who_waits(self)}")
        if timeout_s <= 0:
            self._ticks_at_once += 1
            if self._ticks_at_once > TICKS_AT_ONCE_MAX:
                raise DeadlineReached(f"the time stands still at {self._now_s:g} s: {_who_waits(self)}")
            return []
        self._ticks_at_once = 0
        next_s = self._scheduled[0].when()
        self._set_time(min(next_s, self.deadline_s))
        if next_s > self.deadline_s:
            raise DeadlineReached(f"not done after {self.deadline_s:g} s: {_who_waits(self)}")
        return []

    def _set_time(self, now_s: float) -> None:
        self._now_s = now_s
        # asyncio fires what is due before now + resolution: one step of the float fires what is due, and nothing early
        self._clock_resolution = math.ulp(now_s)

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no selector to wake."""


def _who_waits(loop: asyncio.AbstractEventLoop) -> str:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    named = [_where(task) for task in tasks[:TASKS_NAMED_MAX]]
    if len(tasks) > len(named):
        named.append(f"and {len(tasks) - len(named)} more")
    return "; ".join(named) or "no task"


def _where(task: asyncio.Task[Any]) -> str:
    """The task's name, the coroutines that it is in, and the line of the innermost."""
    names: list[str] = []
    line = ""
    awaited: object = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        names.append(frame.f_code.co_name)
        line = f" ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
        awaited = getattr(awaited, "cr_await", None)
    return f"{task.get_name()} in {' > '.join(names)}{line}"


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise VirtualTimeError(f"{name}: threads, sockets, processes and signals have no place in virtual time")

    return refuse


_OUTSIDE = """
run_in_executor set_default_executor getaddrinfo getnameinfo
add_reader remove_reader add_writer remove_writer add_signal_handler remove_signal_handler
create_connection create_server create_unix_connection create_unix_server create_datagram_endpoint
connect_accepted_socket connect_read_pipe connect_write_pipe start_tls sendfile subprocess_exec subprocess_shell
sock_connect sock_accept sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into
sock_sendall sock_sendto sock_sendfile
"""
for _name in _OUTSIDE.split():
    setattr(VirtualLoop, _name, _refusal(_name))
