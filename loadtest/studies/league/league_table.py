"""The tables of the league as values: an entrant a line, a figure a cell, the worlds side by side in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadtest.report.cells import ASSUMED
from loadtest.studies.calibration.agreement import agrees
from loadtest.studies.league.columns import SHOWN_IN_SHORT, LeagueColumn, columns_of
from loadtest.studies.league.entrant import Entrant
from loadtest.studies.league.league_records import WORLDS, LeagueRecords
from loadtest.studies.league.league_run import LeagueRun
from loadtest.studies.league.workloads import Workload
from loadtest.workload.gate import is_worst_count

NONE = "-"
"""The sign for a figure that is not known; its reason stands beside it."""
SPOILED = "!"
"""The mark of a figure whose run has an incident."""
NOT_RUN = "it was not run there yet"


@dataclass(frozen=True, slots=True)
class ShownFigure:
    """A figure of an entrant in one world: the median of its runs, or the worst where it counts what must not be."""

    world: str
    text: str
    value: float | None
    why_none: str = ""
    """The reason why it is not known."""
    is_assumed: bool = False
    is_spoiled: bool = False


@dataclass(frozen=True, slots=True)
class LeagueCell:
    """One figure of an entrant in all worlds of the league."""

    column: LeagueColumn
    shown: Sequence[ShownFigure]
    compared: Sequence[ShownFigure]
    """The same of the seeds that all worlds have run, whose arrivals are alike; empty where there are none."""

    @property
    def is_apart(self) -> bool:
        """Whether the worlds differ by more than the tolerance of `lab calibrate` for this figure."""
        known = {one.world: one.value for one in self.compared or self.shown if not one.is_assumed}
        measured, simulated = (known.get(world) for world in WORLDS)
        if measured is None or simulated is None or not (math.isfinite(measured) and math.isfinite(simulated)):
            return False
        return agrees(self.column.name, measured, simulated) is False


@dataclass(frozen=True, slots=True)
class LeagueLine:
    """The line of an entrant."""

    entrant: Entrant
    cells: Sequence[LeagueCell]


@dataclass(frozen=True, slots=True)
class LeagueTable:
    """The table of one workload, by the names of the entrants."""

    workload: Workload
    columns: Sequence[LeagueColumn]
    lines: Sequence[LeagueLine]


def shown_figure(world: str, column: LeagueColumn, runs: Sequence[LeagueRun]) -> ShownFigure:
    """The figure that stands for all runs of an entrant in a world."""
    values = [value for one in runs if (value := one.value(column.name)) is not None]
    if not values:
        reasons = [one.why_none for one in runs if one.why_none]
        why = NOT_RUN if not runs else reasons[0] if reasons else column.reason(world)
        return ShownFigure(world, NONE, None, why)
    value = max(values) if is_worst_count(column.name) else median(values)
    is_assumed = any(column.name in one.assumed for one in runs)
    is_spoiled = not all(one.is_valid for one in runs)
    text = f"{ASSUMED if is_assumed else ''}{column.form(float(value))}{SPOILED if is_spoiled else ''}"
    return ShownFigure(world, text, float(value), "", is_assumed, is_spoiled)


def cell(records: LeagueRecords, workload: str, entrant: str, column: LeagueColumn) -> LeagueCell:
    """The cell of an entrant in a column of a workload's table."""
    runs = {world: records.runs_of(world, workload, entrant) for world in WORLDS}
    seeds = [{one.seed for one in own if one.figures} for own in runs.values()]
    common = set.intersection(*seeds)
    alike = {world: [one for one in own if one.seed in common] for world, own in runs.items()}
    shown, compared = (
        [shown_figure(world, column, own) for world, own in found.items()] for found in (runs, alike if common else {})
    )
    return LeagueCell(column, shown, compared)


def league_table(records: LeagueRecords, workload: Workload, columns: Sequence[LeagueColumn] = ()) -> LeagueTable:
    """The table of a workload with those columns, or with all that it has."""
    columns = columns or columns_of(bool(workload.scenario.faults))
    lines = [
        LeagueLine(one, [cell(records, workload.name, name, column) for column in columns])
        for name, one in sorted(records.entrants.items())
    ]
    return LeagueTable(workload, columns, lines)


def short_table(records: LeagueRecords, workload: Workload) -> LeagueTable:
    """The table of what a fault does, in the few figures that stand beside those of other faults."""
    return league_table(records, workload, SHOWN_IN_SHORT)
