"""An asyncio event loop in virtual time.

The loop never waits: when nothing is ready, the time jumps to the next timer, exactly. Callbacks that are ready run in
the order in which they became ready. Timers of one moment run in the order in which they were set. So a run depends
only on the code and its seeds. Threads, sockets and processes, which would let the real world in, are refused. With a
`VirtualLoop.network`, TCP connections are made in that.

The loop is asyncio's own `BaseEventLoop`, except for its turn, in which the original asks a selector to wait.
"""

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, NoReturn, Protocol, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CLOSING_S_MAX = 60.0
"""Virtual seconds that cancelled tasks have to end in."""
TURNS_AT_ONCE_MAX = 1_000_000
"""Turns of the loop at one moment beyond which a task counts as spinning."""
TASKS_NAMED_MAX = 20
_new = object.__new__
FIRST_TIMERS_MAX = 1 << 62
"""The number of timers that a run may set to be the first of their moment."""


class VirtualTimeError(RuntimeError):
    """A run cannot go on, or asked for something that virtual time does not have."""


class Deadlock(VirtualTimeError):
    """A run has nothing left to execute while tasks wait; the text names them."""


class DeadlineReached(VirtualTimeError):
    """A run's virtual time is over, or stands still; the text names the tasks that have not ended."""


def run(main: Coroutine[Any, Any, T], deadline_s: float = 3600.0, shuffle_seed: int | None = None) -> T:
    """Run the coroutine to its end in virtual time, which begins at 0, and return its result.

    A `shuffle_seed` draws the order of what is ready at the same moment, which exposes code that is right in one order
    only. As `asyncio.run` does, it cancels remaining tasks and closes asynchronous generators. Raises `Deadlock`,
    `DeadlineReached` after `deadline_s` virtual seconds, and whatever `main` raises.
    """
    return run_on(VirtualLoop(deadline_s, shuffle_seed), main)


def run_on(loop: "VirtualLoop", main: Coroutine[Any, Any, T]) -> T:
    """Do the same as `run` on a loop that has been made for it."""
    steps = run_in_steps(loop, main)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def run_in_steps(loop: "VirtualLoop", main: Coroutine[Any, Any, T]) -> Generator[None, None, T]:
    """Do the same as `run` in steps: a step ends where the loop is stopped, and time stands still until the next."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        task, is_closing = runner.get_loop().create_task(main), False

        def end_step(_: asyncio.Task[T]) -> None:
            if not is_closing:  # the last step may have ended before this was called, where something else stopped it
                loop.stop()

        task.add_done_callback(end_step)
        try:
            while True:
                loop.run_forever()
                if task.done():
                    return task.result()
                yield
        finally:
            is_closing = True
            loop.grant(CLOSING_S_MAX)


class Dialled(Protocol):
    """A network in memory, in which a loop makes its connections; see `loadtest.sim.wire.network.Network`."""

    async def connect(
        self, make: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to a port. Raises OSError."""
        ...


class Surroundings(Protocol):
    """The surroundings that code has while a loop runs its callbacks; see `loadtest.sim.wire.surroundings`."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None, /
    ) -> None: ...

    def moved(self) -> None:
        """Follow the loop, whose time has moved."""
        ...


class VirtualClock:
    """A clock over a loop's time, `skew_s` ahead, which counts from 0. Implements `app.strategy.Clock`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_s: float = 0.0) -> None:
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self._skew_s = skew_s
        if not skew_s:
            self.now_s = loop.time  # type: ignore[method-assign] # asked several times for each request
        self.monotonic_s = loop.time  # type: ignore[method-assign]

    def now_s(self) -> float:
        return self._loop.now_s + self._skew_s

    def monotonic_s(self) -> float:
        return self._loop.now_s


class _Handle(asyncio.Handle):
    """A handle like asyncio's, without its debug mode; the loop makes and runs it in place, as calls cost the most."""

    __slots__ = ()
    _repr = None
    _source_traceback = None
    _callback: Callable[..., object] | None  # None once it is cancelled
    _context: Context
    _loop: asyncio.AbstractEventLoop

    def cancel(self) -> None:
        self._callback = None
        self._args = ()

    def cancelled(self) -> bool:
        return self._callback is None


class _TimerHandle(_Handle, asyncio.TimerHandle):
    __slots__ = ()
    _when: float


class VirtualLoop(asyncio.BaseEventLoop):
    """The event loop of virtual time; `run` is the way to use it."""

    # of asyncio.BaseEventLoop, unchanged from Python 3.11 to 3.14
    _ready: deque[asyncio.Handle]
    _stopping: bool
    _closed: bool
    get_debug = staticmethod(bool)  # always False, from C: every future asks

    def __init__(self, deadline_s: float, shuffle_seed: int | None = None) -> None:
        super().__init__()
        self.deadline_s = deadline_s
        self.now_s = 0.0
        self._shuffle = None if shuffle_seed is None else Random(shuffle_seed)
        self._turns_at_once = 0
        # numbered, because a heap alone would fire timers of the same moment in any order
        self._timers: list[tuple[float, int, _TimerHandle]] = []
        self._timer_numbers, self._first_numbers = itertools.count(), itertools.count(-FIRST_TIMERS_MAX)
        self._home_thread = threading.get_ident()
        self.started: dict[Any, None] = {}
        """The tasks that were started without the loop (see `eager_task`); asyncio's own register is slow."""
        self.network: Dialled | None = None
        """The network in which connections are made; None refuses them."""
        self.surroundings: Surroundings | None = None
        """The surroundings of what runs on the loop, to be set before it runs; None leaves the real ones."""

    @property
    def is_shuffled(self) -> bool:
        """Whether the order of what is ready at the same moment is drawn."""
        return self._shuffle is not None

    def grant(self, more_s: float) -> None:
        """Set the deadline to `more_s` virtual seconds from now."""
        self.deadline_s = self.now_s + more_s
        self._turns_at_once = 0

    def run_forever(self) -> None:
        if self.surroundings is None:
            super().run_forever()
        else:
            with self.surroundings:
                super().run_forever()

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.now_s

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        handle = _new(_Handle)
        handle._callback, handle._args, handle._loop = callback, args, self
        handle._context = copy_context() if context is None else context
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self._set_timer(when, next(self._timer_numbers), callback, args, context)

    def call_first_at(self, when: float, callback: Callable[[*Ts], object], *args: *Ts) -> asyncio.TimerHandle:
        """Set a timer that runs before all others of its moment but earlier ones of its kind.

        So its place is the same whenever it was set. A `shuffle_seed` draws its place as that of any other.
        """
        return self._set_timer(when, next(self._first_numbers), callback, args, None)

    def _set_timer(
        self, when: float, number: int, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> asyncio.TimerHandle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        if when != when:  # noqa: PLR0124 - NaN, as a call would take longer
            raise ValueError("a timer cannot be set to NaN")
        if self._shuffle is not None:
            number = self._shuffle.getrandbits(64)
        timer = _new(_TimerHandle)
        timer._callback, timer._args, timer._loop = callback, args, self
        timer._context = copy_context() if context is None else context
        timer._when = when
        heappush(self._timers, (when, number, timer))
        return timer

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._home_thread:
            raise VirtualTimeError("call_soon_threadsafe: another thread has no place in virtual time")
        return self.call_soon(callback, *args, context=context)

    def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        **options: Any,
    ) -> Coroutine[Any, Any, tuple[asyncio.Transport, asyncio.BaseProtocol]]:
        """Connect by TCP in the loop's network. Raises `VirtualTimeError` without one, and for TLS or a real socket."""
        if self.network is None:
            _refuse("create_connection")
        for name, why in _UNKNOWN_TO_NETWORKS.items():
            if options.get(name):
                raise VirtualTimeError(f"create_connection({name}): {why}")
        if host is None or port is None:
            raise VirtualTimeError("create_connection: the network knows a host by its name, and needs a port")
        return self.network.connect(protocol_factory, host, int(port))

    def jump(self, to_s: float) -> bool:
        """Move the time on from inside a callback, if nothing else would run meanwhile; whether it moved.

        A callback that knows what comes next, such as a load's next arrival, saves a timer and a turn of the loop. The
        time does not move while the loop is being stopped.
        """
        timers = self._timers
        while timers and timers[0][0] <= to_s and timers[0][2]._callback is None:
            heappop(timers)
        if self._ready or self._stopping or (timers and timers[0][0] <= to_s) or to_s > self.deadline_s:
            return False
        self.now_s = to_s
        if self.surroundings is not None:
            self.surroundings.moved()
        return True

    def _run_once(self) -> None:
        """Run turns as asyncio's own do, but move the time where the original waits for the outside world."""
        ready, timers, shuffle = self._ready, self._timers, self._shuffle
        while True:
            if ready or self._stopping:
                self._turns_at_once += 1
                if self._turns_at_once > TURNS_AT_ONCE_MAX:
                    raise DeadlineReached(f"the time stands still at {self.now_s:g} s: {_who_waits(self)}")
            else:
                self._move_time()
            now_s = self.now_s
            while timers and timers[0][0] <= now_s:
                ready.append(heappop(timers)[2])
            if shuffle is not None:
                shuffle.shuffle(ready)
            for _ in range(len(ready)):
                handle: _Handle = ready.popleft()  # type: ignore[assignment]
                if handle._callback is None:
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    said = {"message": f"Exception in callback {handle._callback}", "exception": error}
                    self.call_exception_handler(said)
            if self._stopping:
                return

    def _move_time(self) -> None:
        """Move the time to the next timer that is not cancelled. Raises `Deadlock` and `DeadlineReached`."""
        timers = self._timers
        while timers and timers[0][2]._callback is None:
            heappop(timers)
        if not timers:
            raise Deadlock(f"nothing is left to run at {self.now_s:g} s, and somebody waits: {_who_waits(self)}")
        next_s, deadline_s = timers[0][0], self.deadline_s
        self._turns_at_once = 0
        if next_s <= deadline_s:
            self.now_s = max(self.now_s, next_s)
            if self.surroundings is not None:
                self.surroundings.moved()
        else:
            self.now_s = max(self.now_s, deadline_s)
            raise DeadlineReached(f"not done after {self.deadline_s:g} s: {_who_waits(self)}")


def _who_waits(loop: asyncio.AbstractEventLoop) -> str:
    started = loop.started if isinstance(loop, VirtualLoop) else {}
    tasks = sorted(_where(task) for task in (*asyncio.all_tasks(loop), *started))
    named = tasks[:TASKS_NAMED_MAX]
    if len(tasks) > len(named):
        named.append(f"and {len(tasks) - len(named)} more")
    return "; ".join(named) or "no task"


def _where(task: asyncio.Task[Any]) -> str:
    """The task's name, unless asyncio gave it, and the coroutines that it is in, each with its line."""
    names: list[str] = []
    awaited: object = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        names.append(f"{frame.f_code.co_name} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})")
        awaited = getattr(awaited, "cr_await", None)
    name = task.get_name()
    return f"{'a task' if name.startswith('Task-') else name} in {' > '.join(names)}"


_UNKNOWN_TO_NETWORKS = {
    "ssl": "there is no TLS in virtual time: state a redis:// or http:// address",
    "sock": "a real socket has no place in virtual time",
    "local_addr": "the network gives a connection its own address",
}
"""The options of a connection that a network in memory does not have, with the reason."""


def _refuse(name: str) -> NoReturn:
    raise VirtualTimeError(f"{name}: threads, sockets, processes and signals have no place in virtual time")


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        _refuse(name)

    return refuse


_OUTSIDE = """
run_in_executor set_default_executor getaddrinfo getnameinfo
add_reader remove_reader add_writer remove_writer add_signal_handler remove_signal_handler
create_server create_unix_connection create_unix_server create_datagram_endpoint
connect_accepted_socket connect_read_pipe connect_write_pipe start_tls sendfile subprocess_exec subprocess_shell
sock_connect sock_accept sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into
sock_sendall sock_sendto sock_sendfile
"""
for _name in _OUTSIDE.split():
    setattr(VirtualLoop, _name, _refusal(_name))
