"""The standing of Redis with a pod: the one policy of when Redis counts as away, and when it may be asked again.

It goes by a monotonic clock that is handed in and does no input or output. So virtual time can have the same policy as
the service.
"""

import logging
import time
from collections.abc import Callable

from app.strategy import CacheAway

log = logging.getLogger(__name__)

TIMEOUTS_IN_A_ROW = 3
"""The time-outs in a row, each of a command that was sent after the one before, by which Redis counts as away.

A single one is a slow command or a lost packet. Two are a pause of nearly twice the time-out, such as a save or a slow
script makes. Three cost a pod no more than three times the time-out until it leaves a dead Redis alone.
"""


class Standing:
    """The standing of Redis with one pod. Every command is checked here first, and reports here how it ended.

    Redis is away after a lost connection, or after `TIMEOUTS_IN_A_ROW` with no answer in between. A time-out is
    reported by a loop that is on time (see `app.lookout`). The pod's own want of resources is no failure of Redis.
    """

    def __init__(self, pause_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Begin with a Redis that is there; `pause_s` is how long it is left alone once it is away."""
        self._pause_s = pause_s
        self._monotonic_s = monotonic_s
        self._try_again_s = 0.0
        self._silent_since_s = float("-inf")
        self._timeouts_in_a_row = 0
        self._is_introduced = True
        self.must_be_met = True
        """Whether HELLO must be asked (again): Redis may have been replaced while it was away."""
        self.is_away = False
        """Whether Redis was lost, or silent for several time-outs, and has not answered since."""
        self.unsupported: str | None = None
        """Why the lab does not use this Redis, although it answers; None where it does."""
        self.is_open = True
        """Whether commands may be sent; where it is False, `check` raises the reason."""

    def check(self, is_meeting: bool = False) -> None:
        """Raise `CacheAway` while no command may be sent; one of a meeting (HELLO, TIME) may be, but in the pause."""
        if self.is_open:
            return
        if self.is_away and self._monotonic_s() < self._try_again_s:
            raise CacheAway(f"Redis did not answer and is left alone for {self._pause_s:g} s (redis_pause_ms)")
        if is_meeting:
            return
        if self.unsupported is not None:
            raise CacheAway(self.unsupported)
        if not self._is_introduced:
            raise CacheAway("Redis has not answered yet since this pod began")

    def sending(self) -> float:
        """The moment of sending, monotonic seconds, to be handed to `answered`, `refused` or `timed_out`."""
        return self._monotonic_s()

    def answered(self, sent_s: float) -> None:
        """Report an answer in time; where Redis is away, only one to a command that was sent since shows it back."""
        self._silent_since_s = self._monotonic_s()
        self._timeouts_in_a_row = 0
        if self.is_away and sent_s >= self._try_again_s:
            self.is_away = False
            self._look()

    def refused(self, sent_s: float) -> None:
        """Report an answer that is an error: Redis may have been replaced, and is asked HELLO again."""
        self.must_be_met = True
        self.answered(sent_s)

    def lost(self) -> None:
        """Report a connection that was refused, reset or lost, after the retries: Redis is away at once."""
        self._go_away()

    def timed_out(self, sent_s: float) -> None:
        """Report a command without an answer in time; several in a row show that Redis is away.

        It says nothing where another command was answered after `sent_s`, or has timed out: commands that were under
        way together are one piece of evidence.
        """
        if sent_s < self._silent_since_s:
            return
        self._silent_since_s = self._monotonic_s()
        self._timeouts_in_a_row += 1
        if self.is_away or self._timeouts_in_a_row >= TIMEOUTS_IN_A_ROW:
            self._go_away()

    def met(self, complaint: str | None) -> None:
        """Report the answer to HELLO; `complaint` is why the lab does not support it, or None."""
        if complaint is not None and complaint != self.unsupported:
            log.error("%s; answers come from the origin", complaint)
        self.must_be_met, self.unsupported = complaint is not None, complaint
        self._look()

    def introduced(self, is_introduced: bool = True) -> None:
        """Report whether Redis is supported and has told its time, so that it may be used."""
        self._is_introduced = is_introduced
        self._look()

    def __str__(self) -> str:
        if self.unsupported is not None:
            return f"unsupported: {self.unsupported}"
        return "up" if self.is_open else "away"

    def _go_away(self) -> None:
        self.is_away = self.must_be_met = True
        self._try_again_s = self._monotonic_s() + self._pause_s
        self._look()

    def _look(self) -> None:
        self.is_open = self._is_introduced and not self.is_away and self.unsupported is None
