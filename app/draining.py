"""The policy of a pod that was asked to end: when it stops to listen.

It goes by a monotonic clock that is handed in and does no input or output. So virtual time can have the same policy as
the service.
"""

QUIET_S = 0.2
"""How long a draining pod must be without a request before it stops to listen."""
LOOK_EVERY_S = 0.02
"""How often a draining pod looks whether it is quiet, seconds."""


class Draining:
    """The time in which a pod is not ready any more, and still answers what comes.

    It lasts until no request has come for `QUIET_S`, and for half of the grace at most.
    """

    def __init__(self, grace_s: float, now_s: float, requests: int) -> None:
        """Begin now, by a monotonic clock, with so many requests received so far."""
        self._until_s = now_s + grace_s / 2
        self._requests, self._quiet_since_s = requests, now_s

    def is_over(self, now_s: float, requests: int, is_at_work: bool) -> bool:
        """Whether the pod stops to listen now, with so many requests received; `is_at_work` while one is in flight."""
        if is_at_work or requests != self._requests:
            self._requests, self._quiet_since_s = requests, now_s
        return now_s >= min(self._until_s, self._quiet_since_s + QUIET_S)
