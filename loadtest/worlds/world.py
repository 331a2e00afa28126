"""The seam of the worlds: a world runs a plan and leaves a history."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loadtest.figures.history import History
from loadtest.workload.planned_run import PlannedRun


class WorldFailed(RuntimeError):
    """A part of the world is missing, or is not as the scenario needs it; the text says which."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run."""

    run: PlannedRun
    elapsed_s: float
    origin_reads: int
    origin_peak_1s: int
    incidents: Sequence[str]


OnProgress = Callable[[Progress], None]


def quiet(_: Progress) -> None:
    """Show no progress."""


Records = Callable[[PlannedRun], Path]
"""The folder of the experiment that keeps a run's records, in `raw/<label>`."""


class World(Protocol):
    """A place where runs happen: native, stack or virtual; opened with `async with`."""

    @property
    def name(self) -> str: ...

    @property
    def runs_at_once(self) -> int:
        """The number of runs that the world carries out at once."""

    @property
    def executor(self) -> Executor | None:
        """The processes that read its histories; None for a thread of this one."""

    async def run(self, run: PlannedRun, on_progress: OnProgress) -> History:
        """Carry out one run, to its end. Raises `WorldFailed`, OSError or ValueError where that is impossible.

        A part that breaks during the run is an incident of its history.
        """
