"""An asyncio event loop in virtual time.

Nothing ever waits: when nobody can run, the time jumps to the next timer, exactly. Callbacks that are ready run in the
order in which they became ready, and timers of one moment in the order in which they were set, so that a run depends
on nothing but the code and its seeds. What would let the real world in (threads, sockets, processes) is refused.

The loop is asyncio's own `BaseEventLoop`; only its turn, in which that one asks a selector to wait, is written anew.
"""

import asyncio
import heapq
import itertools
import math
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from pathlib import Path
from random import Random
from typing import Any, NoReturn, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CLOSING_S_MAX = 60.0
"""Virtual seconds that cancelled tasks have to end in."""
TURNS_AT_ONCE_MAX = 1_000_000
"""Turns of the loop without the time moving: beyond, somebody spins."""
TASKS_NAMED_MAX = 20


class VirtualTimeError(RuntimeError):
    """The run cannot go on, or asked for something that virtual time does not have."""


class Deadlock(VirtualTimeError):
    """Nothing is left to run, and somebody waits. The text names who."""


class DeadlineReached(VirtualTimeError):
    """The run's virtual time is over, or stands still. The text names who is not done."""


def run(main: Coroutine[Any, Any, T], deadline_s: float = 3600.0, shuffle_seed: int | None = None) -> T:
    """What the coroutine returns, once it has run to its end in virtual time.

    The time begins at 0. With a `shuffle_seed`, what is ready at the same moment runs in an order that the seed draws:
    code that is right only in one order is found out. As `asyncio.run` does, it cancels what is left over and closes
    asynchronous generators. Raises `Deadlock`, `DeadlineReached` after `deadline_s` virtual seconds, and whatever
    `main` raises.
    """
    steps = run_in_steps(VirtualLoop(deadline_s, shuffle_seed), main)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def run_in_steps(loop: "VirtualLoop", main: Coroutine[Any, Any, T]) -> Generator[None, None, T]:
    """`run`, in steps: a step ends wherever the loop is stopped, and the time stands still until the next one."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        task = runner.get_loop().create_task(main)
        task.add_done_callback(lambda _: loop.stop())
        try:
            while True:
                loop.run_forever()
                if task.done():
                    return task.result()
                yield
        finally:
            loop.grant(CLOSING_S_MAX)


class VirtualClock:
    """Implements `app.strategy.Clock` over a loop's time, `skew_s` ahead of it. It counts from 0, not from an epoch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_s: float = 0.0) -> None:
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self._skew_s = skew_s
        if not skew_s:
            self.now_s = loop.time  # type: ignore[method-assign] # asked several times for each request

    def now_s(self) -> float:
        return self._loop.now_s + self._skew_s

    def monotonic_s(self) -> float:
        return self._loop.now_s


class _Handle(asyncio.Handle):
    """As asyncio's, but for its debug mode, which is asked for at every callback."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class _TimerHandle(_Handle, asyncio.TimerHandle):
    __slots__ = ()
    _scheduled = False  # nobody counts the cancelled ones
    _when: float


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. `run` is the way to use it."""

    # of asyncio.BaseEventLoop, unchanged from Python 3.11 to 3.14
    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self, deadline_s: float, shuffle_seed: int | None = None) -> None:
        super().__init__()
        self.deadline_s = deadline_s
        self.now_s = 0.0
        self._shuffle = None if shuffle_seed is None else Random(shuffle_seed)
        self._turns_at_once = 0
        # numbered, because a heap alone would fire timers of the same moment in any order
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timer_numbers = itertools.count()
        self._home_thread = threading.get_ident()
        self.started: dict[Any, None] = {}
        """Tasks that were started without the loop (see `eager_task`); asyncio's own register is slow."""

    def grant(self, more_s: float) -> None:
        """A new deadline, so far from now."""
        self.deadline_s = self.now_s + more_s
        self._turns_at_once = 0

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.now_s

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        if math.isnan(when):
            raise ValueError("a timer cannot be set to NaN")
        number = next(self._timer_numbers)
        if self._shuffle is not None:
            number = self._shuffle.getrandbits(64)
        timer = _TimerHandle(callback, args, self, context)
        timer._when = when
        heapq.heappush(self._timers, (when, number, timer))
        return timer

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._home_thread:
            raise VirtualTimeError("call_soon_threadsafe: another thread has no place in virtual time")
        return self.call_soon(callback, *args, context=context)

    def jump(self, to_s: float) -> bool:
        """Move the time on from inside a callback, where nobody else would have run meanwhile; False where they would,
        and where the loop is being stopped.

        Whoever knows what comes next (a load knows its arrivals) needs neither a timer nor a turn of the loop for it.
        """
        timers = self._timers
        while timers and timers[0][0] <= to_s and timers[0][2].cancelled():
            heapq.heappop(timers)
        if self._ready or self._stopping or (timers and timers[0][0] <= to_s) or to_s > self.deadline_s:
            return False
        self.now_s = to_s
        return True

    def _run_once(self) -> None:
        """One turn, as asyncio's own; but where that one waits for the outside world, this one moves the time."""
        ready, timers = self._ready, self._timers
        if ready or self._stopping:
            self._turns_at_once += 1
            if self._turns_at_once > TURNS_AT_ONCE_MAX:
                raise DeadlineReached(f"the time stands still at {self.now_s:g} s: {_who_waits(self)}")
        else:
            self._move_time()
        now_s = self.now_s
        while timers and timers[0][0] <= now_s:
            ready.append(heapq.heappop(timers)[2])
        if self._shuffle is not None:
            self._shuffle.shuffle(ready)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _move_time(self) -> None:
        """To the next timer that still stands."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise Deadlock(f"nothing is left to run at {self.now_s:g} s, and somebody waits: {_who_waits(self)}")
        next_s = timers[0][0]
        self._turns_at_once = 0
        self.now_s = max(self.now_s, min(next_s, self.deadline_s))
        if next_s > self.deadline_s:
            raise DeadlineReached(f"not done after {self.deadline_s:g} s: {_who_waits(self)}")


def _who_waits(loop: asyncio.AbstractEventLoop) -> str:
    started = loop.started if isinstance(loop, VirtualLoop) else {}
    tasks = sorted(_where(task) for task in (*asyncio.all_tasks(loop), *started))
    named = tasks[:TASKS_NAMED_MAX]
    if len(tasks) > len(named):
        named.append(f"and {len(tasks) - len(named)} more")
    return "; ".join(named) or "no task"


def _where(task: asyncio.Task[Any]) -> str:
    """The task's name, and the coroutines that it is in, each with its line. A name that asyncio has given is left out:
    it counts the tasks of this process."""
    names: list[str] = []
    awaited: object = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        names.append(f"{frame.f_code.co_name} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})")
        awaited = getattr(awaited, "cr_await", None)
    name = task.get_name()
    return f"{'a task' if name.startswith('Task-') else name} in {' > '.join(names)}"


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
