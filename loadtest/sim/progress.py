"""The progress of simulations in worker processes, so that a long one is not at 0 % until its end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import NamedTuple, Protocol

SAMPLED_EVERY_S = 0.2
"""Seconds of real time between two samples, unknown to the simulation."""


class Loop(Protocol):
    """A loop in virtual time, as far as its progress is read."""

    @property
    def now_s(self) -> float:
        """The virtual seconds since its run began."""


class _Run(NamedTuple):
    loop: Loop
    duration_s: float


_now: _Run | None = None
"""The run that this process carries out."""


class Underway:
    """The share of its run that each worker has done, in memory that all of them share."""

    def __init__(self, context: BaseContext, workers: int) -> None:
        self._shares = context.RawArray("d", workers)  # without a lock, which a killed worker could keep
        self._taken = context.Value("i", 0)

    def runs(self) -> float:
        """The shares done of the runs that have not ended, added up."""
        return float(sum(self._shares[:]))

    def follow(self) -> None:
        """Keep this worker's share up to date from now on; called once in each worker."""
        with self._taken.get_lock():
            place = self._taken.value
            self._taken.value += 1

        def sample() -> None:
            while True:
                run = _now
                self._shares[place] = 0.0 if run is None else min(1.0, run.loop.now_s / run.duration_s)
                time.sleep(SAMPLED_EVERY_S)

        if place < len(self._shares):  # a pool may start one anew for one that died
            threading.Thread(target=sample, name="how far it is", daemon=True).start()


@contextmanager
def at_work(loop: Loop, duration_s: float) -> Iterator[None]:
    """Let this process's progress be that of a run of `duration_s` virtual seconds on that loop."""
    global _now  # noqa: PLW0603 - a worker is at one run at a time
    _now = _Run(loop, duration_s)
    try:
        yield
    finally:
        _now = None
