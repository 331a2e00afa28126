"""The cache budget of a request: how long it may wait for the cache, all its commands together.

A request sends several commands: it looks up, takes a lock, looks again, stores and unlocks. A Redis that answers each
one just within its time-out would cost a request many times that. So every request has one budget, and each command
takes from it the time that it lasts. Loads, and waits for the loads of others, take nothing. Once the budget is spent
the request goes on without the cache. Tasks that a request begins share its budget, by their context.
"""

from contextvars import ContextVar


class Budget:
    """The time that one request may still wait for the cache, in seconds."""

    __slots__ = ("left_s",)

    def __init__(self, seconds: float) -> None:
        self.left_s = seconds

    @property
    def is_spent(self) -> bool:
        return self.left_s <= 0

    def take(self, waited_s: float, was_late: bool) -> None:
        """Take a wait that ended well; one in which the pod's own loop was late costs nothing.

        What a busy pod takes for itself is no reason to do without the cache: the loads would keep it busier still.
        """
        if not was_late:
            self.left_s -= waited_s


current: ContextVar[Budget | None] = ContextVar("cache budget", default=None)
"""The budget of the running request; None in background work, which no request waits for."""
