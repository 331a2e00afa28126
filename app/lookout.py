"""The judgement of time-outs by a loop that is on time.

A loop that was busy finds a reply and the end of its time-out together. Which of the two it sees first depends on the
loop: asyncio polls the socket before it runs timers, uvloop runs timers first. So a late timer judges nothing. The next
one may, because the loop has polled the socket in between.
"""

from collections.abc import Callable

LOOKS_PER_TIMEOUT = 10
"""How often per time-out a lookout's timer fires while something is under way.

The loop cannot have been busy for more than two such looks unnoticed: a fifth of the time-out.
"""


ON_TIME_S = 0.005
"""How late a look may be, seconds, in a loop that counts as on time."""


class Lookout:
    """The lookout for time-outs on one connection, or of one command: it tells whether a timer may judge them."""

    def __init__(self, timeout_s: float) -> None:
        self.every_s = timeout_s / LOOKS_PER_TIMEOUT
        """The time from one look to the next, seconds; a timer that is later than this fired in a busy loop."""
        self._was_late = False
        self._late_at_s = self._looked_at_s = float("-inf")

    def may_judge(self, due_s: float, now_s: float) -> bool:
        """Whether the timer that was due at `due_s` may judge; where not, the next one, `every_s` later, may."""
        self._was_late = now_s - due_s > self.every_s and not self._was_late
        return not self._was_late

    def judged_until_s(self, due_s: float, now_s: float) -> float:
        """The moment up to which time-outs that have passed may be judged at the look that was due at `due_s`.

        At a look on time it is now. At a late one it is the look before: since that one the loop has polled the socket.
        A command that was sent since may have its reply there, however long ago that was.
        """
        before_s, self._looked_at_s = self._looked_at_s, now_s
        if now_s - due_s <= ON_TIME_S:
            return now_s
        self._late_at_s = now_s
        return before_s

    def was_late(self, since_s: float, due_s: float, now_s: float) -> bool:
        """Whether the loop was late about `since_s` or later, or is so now; the look to come is due at `due_s`.

        How much of a wait was Redis's and how much the pod's own cannot be told then.
        """
        return self._late_at_s >= since_s - 2 * self.every_s or now_s - due_s > ON_TIME_S


class AttentiveTime:
    """Seconds for which a loop looked after its connection: what Redis may be judged by.

    A turn of the loop counts as no more than two looks, however long it took. So a time-out is not over before the loop
    has polled the socket several times, and it is within `LOOKS_PER_TIMEOUT` turns of any loop. The time stands still
    while nothing is under way.
    """

    __slots__ = ("_attended_s", "_looked_s", "_monotonic_s", "_most_s", "every_s")

    def __init__(self, timeout_s: float, monotonic_s: Callable[[], float]) -> None:
        self.every_s = timeout_s / LOOKS_PER_TIMEOUT
        """The time from one look to the next, seconds."""
        self._most_s = 2 * self.every_s
        self._monotonic_s = monotonic_s
        self._attended_s = 0.0
        self._looked_s = float("-inf")

    def now_s(self) -> float:
        apart_s = self._monotonic_s() - self._looked_s
        return self._attended_s + (apart_s if apart_s < self._most_s else self._most_s)

    def look(self) -> float:
        """The time now, at a look."""
        self._attended_s = self.now_s()
        self._looked_s = self._monotonic_s()
        return self._attended_s
