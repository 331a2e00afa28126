"""The feed of one run: its course and its figures so far, from its records as they come in."""

from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from loadtest.figures.history import Ending
from loadtest.figures.origin_load import over_time
from loadtest.figures.records import SHED, Answers, Integers, Reads
from loadtest.figures.run_summary import RunSummary, Series
from loadtest.figures.summarise import Summarised, summed_up
from loadtest.figures.tally import Tally, new_tally
from loadtest.workload.planned_run import PlannedRun

HOLD_S = 2.0
"""Seconds for which a read waits for reads that were asked for earlier, because peaks count them in order.

Pods write a read down when it ends, and are asked in turn. A read that is later still counts as asked for when the hold
ended, which moves a peak so far and no bin.
"""


class SoFar(NamedTuple):
    """A run so far: its figures, and its course up to the last whole bin."""

    summary: RunSummary
    series: Series


class RunFeed:
    """One run as it grows, fed with answers and reads in any order. It counts as the summary of the ended run does."""

    def __init__(self, run: PlannedRun, world: str = "native") -> None:
        self.run, self._world = run, world
        self._tally: Tally | None = None
        """The counts, once the first answer tells when the load began."""
        self._start_s = self._answered_s = self._released_s = -np.inf
        self._held: list[Reads] = []
        self._bin_s, self._reads = 1.0, np.zeros(0, dtype=np.int64)
        self._is_over = False

    def add_answers(self, chunk: Answers) -> None:
        """Add answers; the earliest of the first ones tells when the load began, as in a report."""
        if self._tally is None:
            self._start_s = float(chunk.intended_s.min())
            # without a promise, for the fewest reads under it take longer to count than all the rest
            self._tally = new_tally(self.run.scenario, self._start_s)
            course = self._tally.series()
            self._bin_s, self._reads = course.bin_s, np.zeros(len(course.time_s), dtype=np.int64)
            waiting, self._held = self._held, []
            for reads in waiting:
                self.add_reads(reads)
        self._tally.add_answers(chunk)
        self._answered_s = max(self._answered_s, float(chunk.ended_s.max()))
        self._release(self._answered_s - HOLD_S)

    def add_reads(self, chunk: Reads) -> None:
        """Add reads of the origin: to the course at once, and to the figures in order of asking."""
        self._held.append(chunk)
        if self._tally is not None:
            self._reads += self._in_bins(chunk)

    def end(self) -> None:
        """Count all that is held back, because the run is over and its records are read."""
        self._is_over = True
        self._release(np.inf)

    def so_far(self) -> SoFar | None:
        """The run so far; None before its first whole bin is known."""
        if self._tally is None:
            return None
        known_s = self._answered_s - self._start_s
        summary, course = self._summed_up(self._tally)
        whole = len(course.time_s) if self._is_over else int(known_s / course.bin_s)
        if not whole:
            return None
        for_s = summary.duration_s if self._is_over else min(max(known_s, 1.0), summary.duration_s)
        figures = replace(summary, achieved_rate=round(summary.requests / for_s, 2), incidents=[], notes=[], valid=True)
        return SoFar(
            figures,
            replace(
                course,
                time_s=course.time_s[:whole],
                origin_reads=(self._reads / course.bin_s)[:whole],
                p50_ms=course.p50_ms[:whole],
                p99_ms=course.p99_ms[:whole],
                attempted=None,
            ),
        )

    def _summed_up(self, tally: Tally) -> Summarised:
        """The summary with the reads that are held back, which the tally itself gets when they are in order."""
        origin, held = tally.origin, self._in_order()
        tally.origin = deepcopy(origin)
        try:
            if held is not None:
                tally.origin.add(held)
            return summed_up(self.run, self._world, tally, Ending())
        finally:
            tally.origin = origin

    def _in_bins(self, chunk: Reads) -> Integers:
        let_in = chunk.asked_s[chunk.outcome != SHED]
        return over_time(let_in, self._start_s, self._bin_s, len(self._reads))

    def _release(self, until_s: float) -> None:
        """Count the held reads that were asked for by then, in order."""
        in_order = self._in_order()
        if self._tally is None or in_order is None:
            return
        split = int(np.searchsorted(in_order.asked_s, until_s, side="right"))
        due, self._held = in_order.only(slice(split)), [in_order.only(slice(split, None))]
        if not len(self._held[0].asked_s):
            self._held = []
        if len(due.asked_s):
            self._released_s = float(due.asked_s[-1])
            self._tally.add_reads(due)

    def _in_order(self) -> Reads | None:
        """The reads that are held back, none of them asked for before those that were counted; None for none."""
        if not self._held:
            return None
        together = Reads(*(np.concatenate(columns) for columns in zip(*self._held, strict=True)))
        in_order = together.only(np.argsort(together.asked_s, kind="stable"))
        return in_order._replace(asked_s=np.maximum(in_order.asked_s, self._released_s))
