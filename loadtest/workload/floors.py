"""The read times below which the answers of a key may not go: readers have seen newer ones (monotonic reads)."""

from collections import deque
from typing import Generic, TypeVar

K = TypeVar("K")

STEPS_MAX = 64
"""Newer items of a key that are remembered within a lag; with more of them the floor rises later than it might."""


class Floors(Generic[K]):
    """The floor of each key: the read time of the newest item that was seen so far, or `lag_s` ago.

    Where pods keep copies, one may be behind what another has answered, for as long as the lag that the strategy states
    (`Mechanism.lag_s`). Memory grows with the keys, not with the answers.
    """

    def __init__(self, lag_s: float = 0.0, least_s: float = 0.0) -> None:
        """Begin with nothing seen; `least_s` is the floor of a key until then."""
        self.lag_s, self._least_s = lag_s, least_s
        self.newest_s: dict[K, float] = {}
        """The read time of the newest item of each key that was seen."""
        self._steps: dict[K, deque[tuple[float, float]]] = {}
        """The moments at which newer items were seen first, and their read times, as far as the lag needs them."""
        self._passed_s: dict[K, float] = {}

    def see(self, key: K, read_at_s: float, seen_s: float) -> None:
        """Note an item that was seen at a moment; one that is not newer than those before counts for nothing."""
        if read_at_s <= self.newest_s.get(key, self._least_s):
            return
        self.newest_s[key] = read_at_s
        if self.lag_s:
            self._steps.setdefault(key, deque(maxlen=STEPS_MAX)).append((seen_s, read_at_s))

    def floor_s(self, key: K, at_s: float) -> float:
        """The floor of a key for an answer that is asked for at that moment, which comes after those asked before."""
        if not self.lag_s:
            return self.newest_s.get(key, self._least_s)
        if steps := self._steps.get(key):
            while steps and steps[0][0] <= at_s - self.lag_s:
                self._passed_s[key] = steps.popleft()[1]
        return self._passed_s.get(key, self._least_s)
