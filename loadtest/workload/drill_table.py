"""The `[drill]` table of a scenario: what its faults must not break is stated in `gates`; this is the rest."""

from pydantic import Field

from loadtest.workload.table import Table


class DrillTable(Table):
    """A drill's place in the list of faults, and the strategies that have to fail it."""

    number: int = Field(ge=1, le=99)
    """The number of the fault, by which drills are listed; several drills may share one."""
    must_hold: str = Field(min_length=1, max_length=200)
    """The text of the table for the gates."""
    must_fail: list[str] = Field(default_factory=list)
    """Negative controls: without nets, these break at least one gate, or the drill is too easy to say anything."""
