"""A read of the origin, from its asking to its end."""

from app.strategy import LoadReason
from loadtest.figures.records import FAILED, LOAD_REASON_NUMBERS

_NAN = float("nan")


class OpenRead:
    """A read of the origin that has been asked for; `ended_s` is set last, when it has ended.

    `started_s` is NaN without a connection; `outcome` is an index of `loadtest.figures.records.OUTCOMES`.
    """

    __slots__ = ("asked_s", "ended_s", "key", "outcome", "pod", "reason", "started_s")

    def __init__(self, asked_s: float, key: int, reason: LoadReason, pod: int) -> None:
        self.asked_s, self.started_s, self.ended_s = asked_s, _NAN, -1.0
        self.key, self.reason, self.outcome, self.pod = key, LOAD_REASON_NUMBERS[reason], FAILED, pod
