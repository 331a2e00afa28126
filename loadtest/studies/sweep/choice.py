"""The choices that a sweep leaves: the points of its grid, each over all its repeats."""

import json
from collections.abc import Sequence

from loadtest.figures.repeats import medians
from loadtest.report.frontier.choice import ERRORS_SHARE_MAX, Choice, competing, unbeaten
from loadtest.studies.sweep.runs import SweepRun

__all__ = ["ERRORS_SHARE_MAX", "Choice", "choices", "unbeaten"]


def choices(runs: Sequence[SweepRun]) -> list[Choice]:
    """A choice per point of the grid, in its order."""
    repeats: dict[str, list[SweepRun]] = {}
    for run in runs:
        repeats.setdefault(json.dumps([run.row.strategy, run.settings]), []).append(run)
    found = []
    for same in repeats.values():
        (row,) = medians([run.row for run in same])
        found.append(Choice(row.strategy, same[0].settings, row))
    return competing(found)
