"""Something that happened during a run: what should not have, and the faults that its scenario planned."""

from typing import NamedTuple


class Incident(NamedTuple):
    """Something that happened during a run and should not have, or a planned fault with its moments."""

    what: str
    spoils: bool = True
    """Whether it makes the run no result; otherwise it is reported, and moved no figure."""
    began_s: float | None = None
    """The moment at which a planned fault really began, in seconds from the load's start; None for all else."""
    ended_s: float | None = None
    """The moment at which it was over, or the run was; None for a fault of a single moment."""

    @property
    def is_planned(self) -> bool:
        """Whether the scenario asked for it; then it spoils nothing, and every report says so."""
        return self.began_s is not None


def planned(kind: str, began_s: float, ended_s: float | None = None) -> Incident:
    """The incident of a fault that the scenario planned, such as "cache-away 20.0 to 25.1 s"."""
    until = "" if ended_s is None else f" to {ended_s:.1f}"
    return Incident(f"{kind} {'' if until else 'at '}{began_s:.1f}{until} s", False, began_s, ended_s)
