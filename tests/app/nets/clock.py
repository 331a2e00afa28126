"""A monotonic clock that is set by hand."""


class HandClock:
    """Seconds, as of `at_s`."""

    def __init__(self, at_s: float = 100.0) -> None:
        self.at_s = at_s

    def __call__(self) -> float:
        return self.at_s
