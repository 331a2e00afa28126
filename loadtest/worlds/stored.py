"""The world of stored runs, whose records are read again."""

from collections.abc import Iterator
from pathlib import Path

from loadtest.figures.recorded_history import RecordedHistory
from loadtest.figures.run_folder import FAILURE, RECORD, OtherSchema, RunRecord, read_record
from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.world import OnProgress, WorldFailed


class StoredWorld:
    """A world that reads runs from the folder of an experiment. Implements `World`."""

    runs_at_once = 1
    executor = None

    def __init__(self, folder: Path) -> None:
        """Open the folder. Raises OSError, and `OtherSchema` where a run's record is not of this lab's."""
        self._raw = folder / "raw"
        self.name = next((record.world for record in self._records()), "unknown")

    def has(self, run: PlannedRun) -> bool:
        """Whether the run was begun, and has a folder there."""
        return (self._raw / run.label).is_dir()

    def is_cut_short(self, run: PlannedRun) -> bool:
        """Whether the run was ended before its end, so that its records give no figure; a run that failed was not."""
        raw = self._raw / run.label
        if (raw / FAILURE).exists():
            return False
        return not (raw / RECORD).exists() or any(not record.is_over for record in self._records(run.label))

    async def run(self, run: PlannedRun, on_progress: OnProgress) -> RecordedHistory:
        """Implements `World.run`."""
        raw = self._raw / run.label
        if (raw / FAILURE).exists():
            *_, last = (raw / FAILURE).read_text("utf-8").strip().splitlines() or [""]
            known = last.removeprefix(f"{WorldFailed.__module__}.{WorldFailed.__name__}: ")
            raise WorldFailed(f"{known}; see {FAILURE} among its records")
        return RecordedHistory(raw, run)

    def _records(self, label: str = "*") -> Iterator[RunRecord]:
        """The records of runs that can be read."""
        for path in sorted(self._raw.glob(f"{label}/{RECORD}")):
            try:
                yield read_record(path.parent)
            except OtherSchema:
                raise
            except ValueError:  # which makes that run alone no result
                continue
