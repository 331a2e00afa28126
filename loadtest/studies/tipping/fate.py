"""The fate of a system after its trigger, and the place where that was found."""

import math
from enum import StrEnum
from typing import NamedTuple

from loadtest.figures.recovery import BACK_SHARE
from loadtest.figures.run_summary import RunSummary
from loadtest.studies.tipping.places import Place


class Fate(StrEnum):
    """The fate of a system that something has hit."""

    WELL = "stays well"
    """No second from the trigger on fell below the goodput that counts as back."""
    BACK = "comes back"
    NEVER = "never"
    """Goodput had not come back by the end of the run, though the trigger was over: a metastable failure.

    Source: Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021.
    """
    UNKNOWN = "no result"


class Found(NamedTuple):
    """A place, with the run that was made there in some world."""

    place: Place
    row: RunSummary

    @property
    def world(self) -> str:
        return self.row.world

    @property
    def fate(self) -> Fate:
        return fate(self.row)

    @property
    def recovers_after_s(self) -> float | None:
        """Seconds from the trigger's end; infinite for never, None where the run is no result."""
        return self.row.recovers_after_s if self.row.valid else None


def fate(row: RunSummary) -> Fate:
    """The fate that a run's figures tell."""
    after_s = row.recovers_after_s
    if not row.valid or after_s is None:
        return Fate.UNKNOWN
    if math.isinf(after_s):
        return Fate.NEVER
    is_well = after_s == 0 and row.worst_second is not None and row.worst_second >= BACK_SHARE
    return Fate.WELL if is_well else Fate.BACK
