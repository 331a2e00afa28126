"""How far the simulations are that worker processes are at: so that a single long one is not at 0 % until its end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import NamedTuple, Protocol

SAMPLED_EVERY_S = 0.2
"""Of real time. A simulation knows nothing of it."""


class Loop(Protocol):
    """A loop in virtual time, as far as its progress is shown."""

    @property
    def now_s(self) -> float:
        """Virtual seconds since its run began."""


class _Run(NamedTuple):
    loop: Loop
    duration_s: float


_now: _Run | None = None
"""What this process is at."""


class Underway:
    """A number for each worker, in memory that all of them see: the share of its run that is behind it."""

    def __init__(self, context: BaseContext, workers: int) -> None:
        self._shares = context.RawArray("d", workers)  # no lock that one who is killed could keep
        self._taken = context.Value("i", 0)

    def runs(self) -> float:
        """As many runs' worth is done of those that have not ended yet."""
        return float(sum(self._shares[:]))

    def follow(self) -> None:
        """In a worker, once: keep its number true from now on."""
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
    """A run of so many virtual seconds on that loop is what this process is at."""
    global _now  # noqa: PLW0603 - a worker is at one run at a time
    _now = _Run(loop, duration_s)
    try:
        yield
    finally:
        _now = None
