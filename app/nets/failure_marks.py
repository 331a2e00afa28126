"""The failure marks that a pod knows of: keys whose load has failed a moment ago, here or in another pod.

The mark itself is in Redis, in the place of the key's lock (see `app.scripts.MARK`), so that whoever asks for the lock
meets it. A pod remembers it until it ends, so that the key costs no further command and no further load meanwhile.
"""

from collections.abc import Callable

from app.nets.refusals import LoadJustFailed


class FailureMarks:
    """The marks of one strategy in one pod, at most `keys_max`; beyond it the oldest is forgotten."""

    def __init__(self, keys_max: int, monotonic_s: Callable[[], float]) -> None:
        self._keys_max, self._monotonic_s = keys_max, monotonic_s
        self._until_s: dict[str, float] = {}

    def __len__(self) -> int:
        """Marks that are remembered, those that have ended included."""
        return len(self._until_s)

    @property
    def standing(self) -> int:
        """Marks that have not ended."""
        now_s = self._monotonic_s()
        return sum(now_s < until_s for until_s in self._until_s.values())

    def set(self, key: str, for_s: float) -> None:
        """Mark the key for `for_s` seconds from now; 0 marks nothing."""
        if for_s <= 0:
            return
        self._until_s.pop(key, None)
        if len(self._until_s) >= self._keys_max:
            del self._until_s[next(iter(self._until_s))]
        self._until_s[key] = self._monotonic_s() + for_s

    def rest_s(self, key: str) -> float:
        """The seconds that the key's mark has to go; 0 without one."""
        if (until_s := self._until_s.get(key)) is None:
            return 0.0
        rest_s = until_s - self._monotonic_s()
        if rest_s <= 0:
            del self._until_s[key]
        return max(0.0, rest_s)

    def check(self, key: str) -> None:
        """Raise `LoadJustFailed` while the key is marked."""
        if self._until_s and (rest_s := self.rest_s(key)):
            raise LoadJustFailed(rest_s)
