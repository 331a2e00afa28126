"""A search for the highest rate that holds, in few tries."""

CLOSE_ENOUGH = 1.2
"""The ratio of the lowest rate that failed to the highest that held at which a search ends."""


class Search:
    """Doubles or halves until it has a rate that holds and one that does not, then tries between them."""

    def __init__(self, first_rate: float) -> None:
        self.held = 0.0
        """The highest rate that held; 0 until one has."""
        self._too_high: float | None = None
        self.rate: float | None = first_rate
        """The rate to try next; None when the search is close enough."""

    def found(self, *, held: bool) -> None:
        """Takes note of whether that rate held."""
        assert self.rate is not None
        if held:
            self.held = self.rate
        else:
            self._too_high = self.rate
        if self._too_high is None:
            self.rate *= 2
        elif not self.held:
            self.rate = self.rate / 2 if self.rate > 1 else None
        elif self._too_high <= CLOSE_ENOUGH * self.held:
            self.rate = None
        else:
            self.rate = float(round((self._too_high + self.held) / 2))
