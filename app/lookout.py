"""The time by which time-outs are judged: that in which a loop looks at what is under way.

A loop that was busy finds a reply and the end of its time-out together. Which of the two it sees first depends on the
loop: asyncio polls the socket before it runs timers, uvloop runs timers first. So time in which it was busy counts for
next to nothing, and the socket is polled before anything is judged.
"""

from collections.abc import Callable

LOOKS_PER_TIMEOUT = 10
"""How often per time-out a loop looks at what is under way."""
ON_TIME_S = 0.005
"""How late a look may be, seconds, in a loop that counts as on time."""


class AttentiveTime:
    """Seconds for which a loop looked after its connection: what Redis may be judged by.

    A turn of the loop counts as no more than two looks, however long it took. So a time-out is not over before the loop
    has polled the socket several times, and it is within `LOOKS_PER_TIMEOUT` turns of any loop. The time stands still
    while nothing is under way.
    """

    __slots__ = ("_attended_s", "_late_at_s", "_late_s", "_looked_s", "_monotonic_s", "_most_s", "every_s")

    def __init__(self, timeout_s: float, monotonic_s: Callable[[], float]) -> None:
        self.every_s = timeout_s / LOOKS_PER_TIMEOUT
        """The time from one look to the next, seconds."""
        self._most_s = 2 * self.every_s
        self._late_s = self.every_s + ON_TIME_S
        self._monotonic_s = monotonic_s
        self._attended_s = 0.0
        self._looked_s = self._late_at_s = float("-inf")

    def now_s(self) -> float:
        apart_s = self._monotonic_s() - self._looked_s
        return self._attended_s + (apart_s if apart_s < self._most_s else self._most_s)

    def begin(self) -> None:
        """Begin to look: something is under way again."""
        self._attended_s = self.now_s()
        self._looked_s = self._monotonic_s()

    def look(self) -> float:
        """The time now, at a look."""
        is_late = self._monotonic_s() - self._looked_s > self._late_s
        self.begin()
        if is_late:
            self._late_at_s = self._attended_s
        return self._attended_s

    def was_late(self, since_s: float) -> bool:
        """Whether the loop was late since a moment of this time, or shortly before, or is so now.

        How much of a wait was Redis's, and how much the pod's own, cannot be told then.
        """
        return self._late_at_s >= since_s - self._most_s or self._monotonic_s() - self._looked_s > self._late_s
