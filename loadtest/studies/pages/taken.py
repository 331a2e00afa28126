"""A run as pages need it: its figures, and its course with the answers told apart."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.strategy import Status
from loadtest.figures.history import Chunk
from loadtest.figures.records import NO_STATUS, STATUSES, Answers, Floats, Reads
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import summarise
from loadtest.report.picture import Course
from loadtest.sim.cluster.simulate import SimulatedHistory
from loadtest.workload.planned_run import PlannedRun

BIN_S = 0.25
"""The width of a picture's bins, seconds."""
BINS_MAX = 400
"""The most bins of a course; longer runs have wider ones."""
PARTS: Mapping[str, tuple[Status, ...]] = {
    "loaded": (Status.MISS,),
    "waited": (Status.COLLAPSED,),
    "stale": (Status.STALE,),
    "failed": (Status.SHED, Status.ERROR),
}
"""The statuses of each part of a picture's answers."""
_DIGITS = 4
"""Significant digits of what is kept: more than a pixel shows."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A run that was made for the pages, as their records keep it."""

    figures: Mapping[str, Any]
    """The row of summary.json."""
    course: Mapping[str, Any]
    """Lists of numbers by name: see `course_of`; empty for a run of a sweep."""

    @property
    def summary(self) -> RunSummary:
        return RunSummary.of(self.figures)


class _Watched(SimulatedHistory):
    """A history that counts what passes in bins, while the summary reads it."""

    def __init__(self, run: PlannedRun) -> None:
        super().__init__(run)
        self.bin_s = max(BIN_S, run.scenario.duration_s / BINS_MAX)
        self._bins = math.ceil(run.scenario.duration_s / self.bin_s)
        self.reads = np.zeros(self._bins)
        self.answers = {part: np.zeros(self._bins) for part in PARTS}

    def chunks(self) -> Iterator[Chunk]:
        """Count the chunks of the run, and pass them on."""
        for chunk in super().chunks():
            if isinstance(chunk, Reads):
                self.reads += self._counted(chunk.asked_s)
            elif isinstance(chunk, Answers):
                for part, statuses in PARTS.items():
                    wanted = [STATUSES.index(one) for one in statuses]
                    if part == "failed":
                        wanted.append(NO_STATUS)
                    self.answers[part] += self._counted(chunk.intended_s[np.isin(chunk.status, wanted)])
            yield chunk

    def _counted(self, moments_s: Floats) -> Floats:
        counts, _ = np.histogram(moments_s - self.start_s, self._bins, (0.0, self._bins * self.bin_s))
        return counts.astype(float)


def take(run: PlannedRun) -> Taken:
    """Simulate a run for a picture."""
    history = _Watched(run)
    summary, series = summarise(history)
    per_second = max(1, round(1 / history.bin_s))
    in_last_second = np.convolve(history.reads, np.ones(per_second))[: len(history.reads)]
    kept: dict[str, Any] = {
        "bin_s": history.bin_s,
        "reads": _short(in_last_second),
        "p99_bin_s": series.bin_s,
        "p99_ms": _short(series.p99_ms),
        "answers": {part: _short(values / history.bin_s) for part, values in history.answers.items() if values.any()},
    }
    if series.attempted is not None:
        kept |= {"asked": _short(series.attempted.asked), "good": _short(series.attempted.good)}
    return Taken(summary.as_dict(), kept)


def take_figures(run: PlannedRun) -> Taken:
    """Simulate a run for its figures alone."""
    return Taken(summarise(SimulatedHistory(run)).summary.as_dict(), {})


def course_of(taken: Taken, said: str = "", is_peak_drawn: bool = True) -> Course:
    """The course as a picture draws it."""
    kept = taken.course
    reads = np.array(kept["reads"], dtype=float)
    bins = len(reads)
    summary = taken.summary

    def spread(values: list[float | None], bin_s: float) -> Floats:
        """The values of bins of another width, for each of the picture's own."""
        places = (np.arange(bins) * kept["bin_s"] / bin_s + 1e-9).astype(int)
        as_floats = np.array([math.nan if one is None else one for one in values], dtype=float)
        return np.asarray(as_floats[np.minimum(places, len(values) - 1)])

    return Course(
        strategy=summary.strategy,
        bin_s=kept["bin_s"],
        reads=reads,
        p99_ms=spread(kept["p99_ms"], kept["p99_bin_s"]),
        answers={part: np.array(values, dtype=float) for part, values in kept["answers"].items()},
        asked=spread(kept["asked"], 1.0) if "asked" in kept else None,
        good=spread(kept["good"], 1.0) if "good" in kept else None,
        said=said,
        steady_peak=summary.steady_peak_1s if is_peak_drawn else None,
    )


def _short(values: Floats) -> list[float | int | None]:
    """The values with a few digits, whole ones without a point, and None where there is none."""
    found: list[float | int | None] = []
    for value in map(float, values):
        if not math.isfinite(value):
            found.append(None)
            continue
        rounded = float(f"{value:.{_DIGITS}g}")
        found.append(int(rounded) if rounded.is_integer() else rounded)
    return found
