"""One sentence of an answer, with what it stands on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.stats.intervals import Interval


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that a run allows, with the figures, strategies and repeats that it stands on."""

    text: str
    figures: tuple[str, ...] = ()
    """The fields of summary.json that it stands on."""
    strategies: tuple[str, ...] = ()
    """The strategies that it speaks of, the first one first."""
    n: int | None = None
    """The repeats of each strategy; None where it speaks of none."""
    interval: Interval | None = None
    """The 95 % interval of the ratio that it states; None where there are too few repeats, or no ratio."""
    is_claim: bool = False
    """Whether the repeats allow a claim: at least three of each, and a difference that chance does not make."""
    advises: bool = False
    """Whether it says what to do; the others say what was seen."""

    def as_dict(self) -> Mapping[str, Any]:
        """The sentence as summary.json holds it."""
        interval = None if self.interval is None else [self.interval.low, self.interval.high]
        return {**asdict(self), "interval": interval}
