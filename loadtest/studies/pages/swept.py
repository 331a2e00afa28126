"""A sweep of the docs as values: a line for each strategy, and the thresholds between them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from app.discovery import Discovered
from loadtest.studies.pages.plan import BadPages, SweepOfPages, Threshold
from loadtest.studies.pages.records import Records, key_of
from loadtest.studies.pages.sweep_chart import SweptLine
from loadtest.studies.pages.words import value_of


@dataclass(frozen=True, slots=True)
class FoundThreshold:
    """A threshold: the last setting at which the condition holds, and its neighbour at which it does not."""

    at: float
    beyond: float


def lines_of(sweep: SweepOfPages, records: Records, found: Discovered) -> list[SweptLine]:
    """A line for each strategy. Raises KeyError for a run that is not kept."""
    setting, points = sweep.grid(found)
    lines = {name: SweptLine(name, [], [], [], []) for name in sweep.strategies}
    for point, runs in zip(points, sweep.planned(found), strict=True):
        values = [value_of(records[key_of(run)], sweep.figure, run, found) for run in runs]
        known = [0.0 if one is None else one for one in values]
        line = lines[point.strategy]
        x = float(point.settings[setting.name] or 0) * sweep.x_factor
        for column, value in zip(
            (line.x, line.median, line.least, line.most), (x, median(known), min(known), max(known)), strict=True
        ):
            column.append(value)  # type: ignore[attr-defined]
    return list(lines.values())


def thresholds_of(sweep: SweepOfPages, lines: Sequence[SweptLine]) -> Mapping[str, FoundThreshold]:
    """The thresholds by name. Raises `BadPages` for one whose condition holds everywhere, or nowhere."""
    by_name = {line.strategy: line for line in lines}
    return {one.name: _found(sweep, one, by_name) for one in sweep.thresholds}


def _found(sweep: SweepOfPages, wanted: Threshold, lines: Mapping[str, SweptLine]) -> FoundThreshold:
    upper, lower = lines[wanted.of], lines[wanted.over]
    settings = list(enumerate(upper.x))
    if not wanted.up_to:
        settings.reverse()
    at, beyond = None, None
    for place, x in settings:  # from the end at which the condition holds
        ratio = upper.median[place] / lower.median[place] if lower.median[place] else math.inf
        if not (ratio >= wanted.at_least if wanted.at_least is not None else ratio <= (wanted.at_most or 0)):
            beyond = x
            break
        at = x
    if at is None or beyond is None:
        told = "nowhere" if at is None else "at every setting"
        raise BadPages(f"sweeps: {sweep.title}: threshold {wanted.name} is met {told}: sweep another range")
    return FoundThreshold(at, beyond)
