"""The world of stored runs, whose records are read again."""

from pathlib import Path

from loadtest.figures.recorded_history import RecordedHistory
from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.world import OnProgress


class StoredWorld:
    """A world that reads runs from the folder of an experiment. Implements `World`."""

    runs_at_once = 1
    executor = None

    def __init__(self, folder: Path, name: str) -> None:
        """Open the folder; `name` is that of the world in which the runs took place."""
        self.name, self._folder = name, folder

    def has(self, run: PlannedRun) -> bool:
        """Whether the run was begun, and has a folder there."""
        return (self._folder / "raw" / run.label).is_dir()

    async def run(self, run: PlannedRun, on_progress: OnProgress) -> RecordedHistory:
        """Implements `World.run`."""
        return RecordedHistory(self._folder / "raw" / run.label, run)
