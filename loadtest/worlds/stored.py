"""The world of runs that took place before: their records are read again."""

from pathlib import Path

from loadtest.figures.recorded_history import RecordedHistory
from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.world import OnProgress


class StoredWorld:
    """Implements `World` over the folder of an experiment."""

    runs_at_once = 1
    executor = None

    def __init__(self, folder: Path, name: str) -> None:
        """`name` is the world's that the runs took place in."""
        self.name, self._folder = name, folder

    def has(self, run: PlannedRun) -> bool:
        """Whether the run was begun there."""
        return (self._folder / "raw" / run.label).is_dir()

    async def run(self, run: PlannedRun, on_progress: OnProgress) -> RecordedHistory:
        """Implements `World.run`."""
        return RecordedHistory(self._folder / "raw" / run.label, run)
