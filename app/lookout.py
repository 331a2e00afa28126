"""The judgement of time-outs by a loop that is on time.

A loop that was busy finds a reply and the end of its time-out together. Which of the two it sees first depends on the
loop: asyncio polls the socket before it runs timers, uvloop runs timers first. So a late timer judges nothing. The next
one may, because the loop has polled the socket in between.
"""

LOOKS_PER_TIMEOUT = 10
"""How often per time-out a lookout's timer fires while something is under way.

The loop cannot have been busy for more than two such looks unnoticed: a fifth of the time-out.
"""


class Lookout:
    """The lookout for time-outs on one connection, or of one command: it tells whether a timer may judge them."""

    def __init__(self, timeout_s: float) -> None:
        self.every_s = timeout_s / LOOKS_PER_TIMEOUT
        """The time from one look to the next, seconds; a timer that is later than this fired in a busy loop."""
        self._was_late = False

    def may_judge(self, due_s: float, now_s: float) -> bool:
        """Whether the timer that was due at `due_s` may judge; where not, the next one, `every_s` later, may."""
        self._was_late = now_s - due_s > self.every_s and not self._was_late
        return not self._was_late
