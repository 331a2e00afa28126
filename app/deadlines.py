"""Deadlines of one length, behind one timer.

A timer for each wait is set in order to be cancelled: nearly every wait ends in time. Deadlines of equal length pass in
the order in which they began, so that a queue holds them, and one timer stands for the first.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

ON_TIME_S = 0.005
"""How late the timer may fire, seconds, before the loop itself counts as late."""
TURNS_TO_CATCH_UP = 4
"""Turns of a late loop before it judges: what came in time has to get from a socket or a thread to its waiter."""


class Deadlines(Generic[T]):
    """Waits that may last `seconds` each; `passed` is called with every one that has not ended by then.

    A loop that is late first takes a few turns, in which a wait that was answered in time can still end.
    """

    def __init__(self, seconds: float, passed: Callable[[T], None]) -> None:
        self._seconds = seconds
        self._passed = passed
        self._due_s: dict[T, float] = {}  # in the order of the deadlines
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Waits that have not ended."""
        return len(self._due_s)

    def begin(self, wait: T) -> None:
        """Begin a wait, which is hashable and not under way yet."""
        loop = asyncio.get_running_loop()
        self._due_s[wait] = due_s = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(due_s, self._look, loop)

    def end(self, wait: T) -> None:
        """End a wait; one that has ended or passed already is ignored."""
        self._due_s.pop(wait, None)

    def close(self) -> None:
        """End every wait."""
        self._due_s.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop, turns_left: int = TURNS_TO_CATCH_UP) -> None:
        """Let pass what is due, and set the timer for what is not."""
        self._timer = None
        now_s = loop.time()
        due = [*itertools.takewhile(lambda wait: self._due_s[wait] <= now_s, self._due_s)]
        if due and turns_left and now_s - self._due_s[due[0]] > ON_TIME_S:
            self._timer = loop.call_later(0, self._look, loop, turns_left - 1)
            return
        try:
            for wait in due:
                if self._due_s.pop(wait, None) is not None:  # else one that has passed before it has ended it
                    self._passed(wait)
        finally:
            if self._due_s and self._timer is None:
                self._timer = loop.call_at(next(iter(self._due_s.values())), self._look, loop)
