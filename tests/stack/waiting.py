"""Waiting with a bound, and with a name for what was waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

LOOK_EVERY_S = 0.5
T = TypeVar("T")


def wait_until(what: str, look: Callable[[], T], within_s: float) -> T:
    """What `look` answers, once that is something. Raises TimeoutError, which says what did not happen."""
    give_up_s = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"waited {within_s:g} s until {what}; the last look found {found!r}")
        time.sleep(LOOK_EVERY_S)
    return found
