"""The course over time that is drawn for a strategy: a typical repeat, within the band of all."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loadtest.figures.records import Floats
from loadtest.figures.repeats import by_strategy, medians
from loadtest.figures.run_summary import RepeatsBand, RunSummary, Series

TYPICAL_BY = ("steady_peak_1s", "cold_peak_1s", "origin_reads", "p99_ms")
"""Figures in which a typical repeat is near the medians."""


def courses(measured: Sequence[tuple[RunSummary, Series]]) -> dict[str, Series]:
    """The course of each strategy: that of its only run, or of the valid repeat nearest to the medians of all.

    Of several runs it holds the lowest and the highest of all in each bin, too.
    """
    found = {}
    for strategy, repeats in by_strategy([row for row, _ in measured]).items():
        runs = [(row, line) for row, line in measured if row.strategy == strategy]
        (middle,) = medians(repeats)
        row, line = min(runs, key=lambda one: (not one[0].valid, _distance(one[0], middle), one[0].repeat))
        alike = [other for _, other in runs if len(other.time_s) == len(line.time_s)]
        reads = _band([other.in_last_second() for other in alike])
        found[strategy] = replace(
            line, repeat=row.repeat, reads_band=reads, p99_band=_band([other.p99_ms for other in alike])
        )
    return found


def _band(values: Sequence[Floats]) -> RepeatsBand | None:
    """The lowest and the highest in each bin of those that have a value there; None for one run."""
    if len(values) < 2:
        return None
    return RepeatsBand(np.fmin.reduce(values), np.fmax.reduce(values))


def _distance(row: RunSummary, middle: RunSummary) -> float:
    """The distance in logarithms of ratios, over all figures; one that either lacks counts as a factor of ten."""
    total = 0.0
    for name in TYPICAL_BY:
        mine, median = getattr(row, name), getattr(middle, name)
        if mine is None or median is None:
            total += 0.0 if mine is median else math.log(10)
        else:
            total += abs(math.log((mine + 1) / (median + 1)))
    return total
