"""The surroundings of libraries in a run of virtual time: clocks, seeded randomness, and logs without a reader."""

import logging
from types import TracebackType
from typing import ClassVar

from loadtest.sim.kernel.loop import VirtualLoop, VirtualTimeError
from loadtest.sim.wire.clocks import LibraryClocks
from loadtest.sim.wire.draws import LibraryDraws

EPOCH_S = 1_767_225_600.0
"""The wall clock's time at which a run begins unless it states another: 2026-01-01, whatever today is."""

_UNPRINTED = logging.NullHandler()


class LibrarySurroundings:
    """The surroundings of one run: `loop.surroundings = LibrarySurroundings(loop, seed=1)`.

    They hold while the loop runs callbacks, and the real ones between the steps of a run. Those of two runs never hold
    at once. Implements `loadtest.sim.kernel.loop.Surroundings`.
    """

    _is_on: ClassVar[bool] = False
    _last_resort: ClassVar[logging.Handler | None] = None

    def __init__(self, loop: VirtualLoop, epoch_s: float = EPOCH_S, seed: int = 0) -> None:
        self._clocks, self._draws = LibraryClocks(loop, epoch_s), LibraryDraws(seed)
        self.moved = self._clocks.moved

    def __enter__(self) -> None:
        if LibrarySurroundings._is_on:
            raise VirtualTimeError("the surroundings of another run hold: a process has one clock and one `random`")
        LibrarySurroundings._is_on = True
        # where nobody has set up logging, a library would print a traceback for each request of an outage
        LibrarySurroundings._last_resort, logging.lastResort = logging.lastResort, _UNPRINTED
        self._clocks.put_on()
        self._draws.put_on()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._draws.take_off()
        self._clocks.take_off()
        logging.lastResort = LibrarySurroundings._last_resort
        LibrarySurroundings._is_on = False
