"""The progress of a warming, and what it came to."""

from dataclasses import dataclass

WAITING = "waiting to be told when"
"""The line that says that a warming is set up and waits for its beginning."""
READY, NOT_READY, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""The exit codes of a warming."""


@dataclass(slots=True)
class WarmingProgress:
    """The counts of a warming so far; `looked_at` of `keys` is that of the present round."""

    strategy: str
    keys: int
    round: int = 0
    looked_at: int = 0
    there: int = 0
    """Keys that were there and fresh."""
    loaded: int = 0
    """Keys that were loaded and stored."""
    left: int = 0
    """Keys that were left to a pod, which was loading them."""
    failed: int = 0
    """Loads that gave no answer, or were shed."""
    unstored: int = 0
    """Loads whose entry was not stored: it was over, a newer one was there, or the cache refused or was away."""
    hit_ratio: float | None = None
    """The share of the keys that were fresh at the last check; None where none was made."""
    is_ready: bool = False
    is_cache_away: bool = False
    """Whether the warming waits for the cache to come back."""

    def __str__(self) -> str:
        parts = [f"{self.loaded:,} loaded", f"{self.there:,} there already"]
        parts += [f"{count:,} {what}" for count, what in self._rarer if count]
        where = f"round {self.round}, {self.looked_at:,} of {self.keys:,} keys looked at"
        return f"{self.strategy}: {where}, {', '.join(parts)}{self._checked}"

    @property
    def _rarer(self) -> list[tuple[int, str]]:
        return [(self.left, "left to pods"), (self.failed, "failed"), (self.unstored, "not stored")]

    @property
    def _checked(self) -> str:
        checked = "" if self.hit_ratio is None else f"; {100 * self.hit_ratio:.4g} % fresh at the last check"
        return f"{checked}; waiting for the cache, which is away" if self.is_cache_away else checked
