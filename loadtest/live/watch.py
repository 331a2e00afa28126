"""A watch on a bench: which of its runs is on, and what each is so far, from the folder that it writes."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loadtest.figures.growing_records import GrowingRecords
from loadtest.figures.incident import Incident
from loadtest.figures.load_begin import read_begin
from loadtest.figures.run_folder import FAILURE, RECORD, SUMMARY, RunRecord, read_plan, read_record
from loadtest.figures.run_summary import RunSummary, Series
from loadtest.figures.summarise import failed
from loadtest.live.run_feed import RunFeed, SoFar
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import read_scenario

DRAIN_LOOKS_MAX = 1_000
"""The most looks by which the records of a run that is over are read to their end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended: the bench's own figures once they are there, and its course."""

    run: PlannedRun
    summary: RunSummary
    series: Series
    is_final: bool
    """Whether the figures are the bench's own, and not those of the feed."""


class _RunOn:
    """The run that is on."""

    def __init__(self, run: PlannedRun, raw: Path) -> None:
        self.run, self._raw = run, raw
        self.feed = RunFeed(run)
        self.begin_s: float | None = None
        self._records: GrowingRecords | None = None
        self._record: RunRecord | None = None
        self._recorded_at: tuple[int, int] | None = None

    @property
    def is_there(self) -> bool:
        return self._raw.exists()

    @property
    def incidents(self) -> Sequence[Incident]:
        return [] if self._record is None else self._record.incidents

    def is_over(self, since: Path | None) -> bool:
        """Whether the run is over; `since` is the folder of the run after it, where there is one."""
        is_told = self._record is not None and self._record.is_over
        return is_told or (self._raw / FAILURE).exists() or (since is not None and since.exists())

    def look(self) -> bool:
        """Read what its records have gained; whether that was anything."""
        self._look_at_record()
        if self._record is None:
            return False
        if self.begin_s is None:
            self.begin_s = read_begin(self._raw)
        if self._records is None:
            self._records = GrowingRecords(self._raw, self._record.clock_offset_s)
        answers, reads = self._records.new_answers(), self._records.new_reads()
        if answers is not None:
            self.feed.add_answers(answers)
        if reads is not None:
            self.feed.add_reads(reads)
        return answers is not None or reads is not None

    def look_at_all(self) -> None:
        """Read its records to their end, once it is over."""
        for _ in range(DRAIN_LOOKS_MAX):
            if not self.look():
                break
        self.feed.end()

    def _look_at_record(self) -> None:
        with suppress(FileNotFoundError):
            found = (self._raw / RECORD).stat()
            if (state := (found.st_mtime_ns, found.st_size)) != self._recorded_at:
                self._record, self._recorded_at = read_record(self._raw), state


class Watch:
    """A bench that runs, as its folder tells it. Raises OSError and ValueError where it is no such folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scenario = read_scenario(str(folder / "scenario.json"))
        self.runs = read_plan(folder, self.scenario)
        self.ended: dict[str, Ended] = {}
        """The runs that have ended, by label."""
        self._number = 0
        self._on = self._of(0)

    @property
    def number(self) -> int:
        """The place of the run that is on, from 1 on; that of the last one when all have ended."""
        return min(self._number + 1, len(self.runs))

    @property
    def run(self) -> PlannedRun | None:
        """The run that is on, or about to begin; None when all have ended."""
        return None if self._on is None else self._on.run

    @property
    def incidents(self) -> Sequence[Incident]:
        """The incidents of the run that is on, its planned faults among them."""
        return [] if self._on is None else self._on.incidents

    @property
    def elapsed_s(self) -> float | None:
        """Seconds since its load began, below 0 before; None where that is not known yet."""
        return None if self._on is None or self._on.begin_s is None else time.time() - self._on.begin_s

    def so_far(self) -> SoFar | None:
        """The run that is on, so far; None before its first answer."""
        return None if self._on is None else self._on.feed.so_far()

    def look(self, is_last: bool = False) -> bool:
        """Look at the folder; whether another run is on since, or figures became the bench's own.

        The last look, when the bench has ended, takes the run that is on as over. Raises OSError and ValueError.
        """
        has_turned = False
        while self._on is not None:
            self._on.look()
            after = self._raw(self._number + 1) if self._number + 1 < len(self.runs) else None
            if not self._on.is_over(after) and not is_last:
                break
            if is_last and not self._on.is_there:
                break
            self._on.look_at_all()
            self._end(self._on)
            self._number += 1
            self._on, has_turned = self._of(self._number), True
        return self._take_figures() or has_turned

    def _of(self, number: int) -> _RunOn | None:
        return _RunOn(self.runs[number], self._raw(number)) if number < len(self.runs) else None

    def _raw(self, number: int) -> Path:
        return self.folder / "raw" / self.runs[number].label

    def _end(self, on: _RunOn) -> None:
        found = on.feed.so_far() or failed(on.run, "native", "no answer came")
        self.ended[on.run.label] = Ended(on.run, found.summary, found.series, is_final=False)

    def _take_figures(self) -> bool:
        """Take the bench's own figures of runs that have ended; whether there are new ones."""
        if all(one.is_final for one in self.ended.values()) or not (self.folder / SUMMARY).exists():
            return False
        is_new = False
        kept = json.loads((self.folder / SUMMARY).read_text(encoding="utf-8"))["runs"]
        summaries = {(one.strategy, one.repeat): one for one in map(RunSummary.of, kept)}
        for label, one in self.ended.items():
            summary = summaries.get((one.run.name, one.run.repeat))
            if summary is not None and not one.is_final:
                self.ended[label], is_new = Ended(one.run, summary, one.series, is_final=True), True
        return is_new
