"""A pod's CPU in virtual time: one event loop, which does one thing at a time and notices everything else late.

What arrives meanwhile waits in the system's buffers, in order. The loop works in turns, as asyncio's and uvloop's do.
At the start of a turn it fires the timers that are due, and then works through all that has arrived by then. So a
timer waits only for the end of the turn that runs, and overtakes a reply that has long arrived. A time-out that is
judged by such a timer is judged wrong.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from functools import partial
from typing import ParamSpec, TypeVar, TypeVarTuple

from loadtest.sim.cluster.pod_code import PodCode
from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.workload.faults import LoopBlocked, PodPaused
from loadtest.workload.scenario import Scenario

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")

TURN_S = 1e-6
"""The time from the end of a turn to its timers, and from these to what has arrived: it states their order."""

owner: ContextVar["PodCpu | None"] = ContextVar("the pod whose loop runs this", default=None)
"""The CPU of the pod whose code runs; None for the network, the origin, Redis and the clients."""
_OUTSIDE = Context()


def needs_cpu(scenario: Scenario) -> bool:
    """Whether pods have a CPU that can be busy; without one they take no time.

    Over the wire a pause stops the pod's whole loop, as it stops a process, and not only its commands and requests.
    """
    virtual = scenario.virtual
    stopping = (LoopBlocked, PodPaused) if virtual.wire else LoopBlocked
    return bool(virtual.service_us or virtual.load_us) or any(isinstance(fault, stopping) for fault in scenario.faults)


class PodCpu(PodCode):
    """The CPU of one pod, from its start to its end: timers that its code sets fire when its loop is free."""

    def __init__(
        self,
        loop: VirtualLoop,
        service_s: float,
        load_s: float,
        was_late: Callable[[float], None] = lambda late_s: None,
    ) -> None:
        """Set up an idle CPU: a request takes it `service_s`, a load `load_s`.

        `was_late` is called with the seconds by which something is noticed late, whenever they are more than ever.
        """
        super().__init__()
        self.service_s, self.load_s = service_s, load_s
        self._loop, self._was_late = loop, was_late
        self._free_s = self._turn_ends_s = self._latest_s = 0.0
        self.mark(owner, self)

    @property
    def is_free(self) -> bool:
        """Whether what arrives now is noticed now."""
        return self._free_s <= self._loop.now_s

    def take(self, cost_s: float = 0.0) -> float:
        """Queue work of `cost_s` seconds that has just arrived; the result is the moment at which it is done."""
        now_s = self._loop.now_s
        self._begin_turn()
        if self.is_free:
            self._free_s = self._turn_ends_s = now_s + cost_s
        else:
            self._saw_late(self._free_s - now_s)
            self._free_s += cost_s
        return self._free_s

    def stop_until(self, moment_s: float) -> None:
        """Do nothing until that moment, and then go on where it was."""
        self._begin_turn()
        self._turn_ends_s = max(self._turn_ends_s, moment_s)
        self._free_s = max(self._free_s, moment_s)

    def timer_s(self) -> float:
        """The moment at which a timer that is due now fires: at once, or when the turn that runs has ended."""
        now_s = self._loop.now_s
        if now_s > self._turn_ends_s:
            self._begin_turn()
        if now_s > self._turn_ends_s or (now_s == self._turn_ends_s and self.is_free):
            return now_s
        self._saw_late(self._turn_ends_s - now_s)
        return self._turn_ends_s + TURN_S

    async def notice(self) -> None:
        """Wait until the loop has noticed what has just arrived."""
        done_s = self._noticed_s(0.0)
        if done_s > self._loop.now_s:
            noticed = self._loop.create_future()
            outside(self._loop.call_at, done_s, _set, noticed)
            await noticed

    def call_noticed(self, callback: Callable[[], object], cost_s: float = 0.0) -> None:
        """Call back as the pod's own code once the loop has noticed and worked on what has just arrived."""
        done_s = self._noticed_s(cost_s)
        if done_s > self._loop.now_s:
            outside(self._loop.call_at, done_s, partial(self.run, callback))
        else:
            self.run(callback)

    def _noticed_s(self, cost_s: float) -> float:
        """The moment at which what has just arrived is noticed and worked on; the timers of that turn come first."""
        if self.is_free:
            return self.take(cost_s)
        done_s = self.take(cost_s)
        return done_s + 2 * TURN_S if done_s == self._turn_ends_s else done_s

    def _begin_turn(self) -> None:
        if self._loop.now_s >= self._turn_ends_s:
            self._turn_ends_s = max(self._loop.now_s, self._free_s)

    def _saw_late(self, late_s: float) -> None:
        late_s += 2 * TURN_S
        if late_s > self._latest_s:
            self._latest_s = late_s
            self._was_late(late_s)


def outside(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call a function of the world outside of the pods: the timers that it sets fire on time."""
    return _OUTSIDE.copy().run(function, *arguments, **named)


async def sleep_outside(seconds: float) -> None:
    """Sleep as `asyncio.sleep`, on time even where a busy pod's code waits for it: for the network and the origin."""
    if owner.get() is None or seconds <= 0:
        await asyncio.sleep(seconds)
        return
    running = asyncio.get_running_loop()
    over = running.create_future()
    timer = outside(running.call_later, seconds, _set, over)
    try:
        await over
    finally:
        timer.cancel()


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class LateTimer(asyncio.TimerHandle):
    """A timer of a pod's code, which fires when it is due and the pod's loop can see to it."""

    def __init__(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        args: tuple[*Ts],
        loop: "BusyLoop",
        context: Context | None,
        cpu: PodCpu,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self._busy_loop, self._cpu = loop, cpu
        self._exact = loop.call_exactly_at(when, self._is_due)

    def cancel(self) -> None:
        self._exact.cancel()
        super().cancel()

    def _is_due(self) -> None:
        fires_s = self._cpu.timer_s()
        if fires_s > self._busy_loop.now_s:
            self._exact = self._busy_loop.call_exactly_at(fires_s, self._run)
        else:
            self._run()


class BusyLoop(VirtualLoop):
    """A virtual loop for pods whose own loops may be busy: their timers may be late, all others are on time."""

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        cpu = owner.get() if context is None else context.get(owner)
        if cpu is None:
            return super().call_at(when, callback, *args, context=context)
        return LateTimer(when, callback, args, self, context, cpu)

    def call_exactly_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        return super().call_at(when, callback)
