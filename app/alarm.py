"""A time limit for code that blocks the event loop, where no task and no time-out of asyncio can run; by SIGALRM."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN_S = 0.5
"""How long after it was raised, and swallowed, `TookTooLong` is raised again."""


class TookTooLong(BaseException):
    """Code ran beyond its time limit; the text says after how many seconds, and at which line.

    It extends BaseException, because code that swallows every Exception would swallow this one too.
    """


@contextmanager
def within(limit_s: float, folder: str) -> Iterator[None]:
    """Raise `TookTooLong` inside the block after `limit_s`, naming the innermost line in a file of that folder.

    It needs signals, so it works in the main thread of a POSIX system; elsewhere the block has no limit.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_: int, frame: FrameType | None) -> None:
        raise TookTooLong(f"not done after {limit_s:g} s{_place(frame, folder)}")

    before = signal.signal(signal.SIGALRM, ring)
    left_s, interval_s = signal.setitimer(signal.ITIMER_REAL, limit_s, AGAIN_S)  # again, should it be swallowed
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left_s:  # an alarm that was set outside: late by what this took
            signal.setitimer(signal.ITIMER_REAL, left_s, interval_s)


def _place(frame: FrameType | None, folder: str) -> str:
    while frame is not None:
        if frame.f_code.co_filename.startswith(folder):
            return f", at line {frame.f_lineno}"
        frame = frame.f_back
    return ""
