"""Something that happened during a run and should not have."""

from typing import NamedTuple


class Incident(NamedTuple):
    """Something that happened during a run and should not have."""

    what: str
    spoils: bool = True
    """The run is no result. Otherwise it is told, and moved no figure."""
