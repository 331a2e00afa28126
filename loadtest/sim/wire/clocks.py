"""The clocks that a library reads, which follow the virtual loop while that runs callbacks.

`time.time`, `datetime.now` and their like are time-machine's; it has no monotonic ones, so that those are swapped.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import time_machine

from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.swaps import Swaps

MONOTONIC: tuple[tuple[Callable[[], Any], bool], ...] = (
    (time.monotonic, False),
    (time.monotonic_ns, True),
    (time.perf_counter, False),
    (time.perf_counter_ns, True),
)
"""The clocks without a date, and whether each counts nanoseconds."""


class LibraryClocks:
    """The clocks of a run. The monotonic ones agree with the loop's time; other threads have the real ones of those."""

    def __init__(self, loop: VirtualLoop, epoch_s: float) -> None:
        """`epoch_s` is the wall clock's time when the loop's is 0, seconds since 1970."""
        self._loop, self._epoch_s = loop, epoch_s
        self._travel: Any = None
        self._now: Any = None
        self._swaps = Swaps({real: self._instead_of(real, is_ns) for real, is_ns in MONOTONIC})

    def put_on(self) -> None:
        """Have libraries read the virtual clocks from now on."""
        self._travel = time_machine.travel(self._epoch_s + self._loop.now_s, tick=False)
        self._now = self._travel.start()
        self._swaps.put_in()

    def take_off(self) -> None:
        """Have the real clocks back."""
        self._swaps.take_out()
        self._travel.stop()
        self._travel = self._now = None

    def moved(self) -> None:
        """Follow the loop, whose time has moved."""
        if self._now is not None:
            self._now.move_to(self._epoch_s + self._loop.now_s)

    def _instead_of(self, real: Callable[[], Any], is_ns: bool) -> Callable[[], Any]:
        loop, home = self._loop, threading.get_ident()

        def virtual() -> Any:
            if threading.get_ident() != home:
                return real()
            return int(loop.now_s * 1e9) if is_ns else loop.now_s

        return virtual
