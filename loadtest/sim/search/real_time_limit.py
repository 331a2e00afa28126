"""A bound on the real time of one run: virtual time does not move while somebody loops without awaiting."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

RUN_S_MAX = 20.0
"""Real seconds of a run that is checked; such a run takes some hundredths of one."""
RINGS = 2
"""Alarms, as far apart as each other, before a run is ended: a process that was stopped meanwhile gets one at once."""
IGNORED_MAX = 3
"""After so many more, swallowed by a bare `except`, only the end of the process is left."""


class RanTooLong(SystemExit):
    """The text says where. No `Exception`, so that no strategy, no request and no loop takes it for its own."""


@contextmanager
def bounded(about: str, file: str) -> Iterator[None]:
    """Raises `RanTooLong` in the middle of whatever runs then. `about` names the run and `file` is the source whose
    line is of interest. Signals are the main thread's: in another one there is no bound."""
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
    """The innermost of that source, else the innermost of all."""
    innermost = frame
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back
    shown = frame or innermost
    return "no line" if shown is None else f"{Path(shown.f_code.co_filename).name}:{shown.f_lineno}"
