"""The seam of the worlds: a world runs what was planned, and leaves a history."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loadtest.figures.history import History
from loadtest.workload.planned_run import PlannedRun


class WorldFailed(RuntimeError):
    """A part of the world is not there, or not as the scenario needs it; the text says which."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    run: PlannedRun
    elapsed_s: float
    origin_reads: int
    origin_peak_1s: int
    incidents: Sequence[str]


OnProgress = Callable[[Progress], None]


def quiet(_: Progress) -> None:
    """Show no progress."""


Records = Callable[[PlannedRun], Path]
"""The folder of the experiment that a run's records go to, in `raw/<label>` there."""


class World(Protocol):
    """A place where runs happen: native, stack or virtual. Each is opened with `async with`."""

    @property
    def name(self) -> str: ...

    @property
    def runs_at_once(self) -> int:
        """How many runs the world bears side by side."""

    @property
    def executor(self) -> Executor | None:
        """The processes in which its histories are read; None: a thread of this one."""

    async def run(self, run: PlannedRun, on_progress: OnProgress) -> History:
        """One run, to its end. Raises `WorldFailed`, OSError or ValueError where there is none.

        A part that breaks during the run is an incident of its history.
        """
