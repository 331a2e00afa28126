"""Something that happened during a run and should not have."""

from typing import NamedTuple


class Incident(NamedTuple):
    """Something that happened during a run and should not have."""

    what: str
    spoils: bool = True
    """Whether it makes the run no result; otherwise it is reported, and moved no figure."""
