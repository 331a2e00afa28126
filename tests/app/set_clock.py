"""A monotonic clock that a test sets by hand."""

from dataclasses import dataclass


@dataclass
class SetClock:
    """A clock that stands at `now_s`, seconds, until the test moves it."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s
