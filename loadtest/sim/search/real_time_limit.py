"""A bound on the real time of one run: virtual time stands still while code loops without awaiting."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

RUN_S_MAX = 20.0
"""Real seconds that a checked run may take; such a run usually takes some hundredths of one."""
RINGS = 2
"""The number of alarms that end a run: a single one may come from a process that was stopped meanwhile."""
IGNORED_MAX = 3
"""Further alarms, swallowed by a bare `except`, after which the process is ended."""


class RanTooLong(SystemExit):
    """A run exceeded its real time; the text says where. As a `SystemExit` it passes through `except Exception`."""


@contextmanager
def bounded(about: str, file: str) -> Iterator[None]:
    """Bound the real time of the block; `about` names the run. Raises `RanTooLong` at the line that runs then.

    The text names the line of the source `file`. Signals are the main thread's: in another thread there is no bound.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    rings = 0

    def ring(_: int, frame: FrameType | None) -> None:
        nonlocal rings
        rings += 1
        if rings < RINGS:
            return
        said = f"{about} took more than {RUN_S_MAX:g} s of real time, in {_line(frame, file)}"
        if rings > RINGS + IGNORED_MAX:
            print(f"error: {said}; and nothing but the end of its process ends it", file=sys.stderr, flush=True)
            os._exit(1)
        raise RanTooLong(said)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, RUN_S_MAX / RINGS, RUN_S_MAX / RINGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _line(frame: FrameType | None, file: str) -> str:
    """The innermost line of that source, or else the innermost of all."""
    innermost = frame
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back
    shown = frame or innermost
    return "no line" if shown is None else f"{Path(shown.f_code.co_filename).name}:{shown.f_lineno}"
