"""The records of a simulated run on disk, as a native run leaves them, from which its figures can be made again."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.ledger import OriginRead
from loadtest.figures.history import Ending
from loadtest.figures.recorded_history import WRITES
from loadtest.figures.records import (
    ANSWER_COLUMNS,
    LOAD_REASONS,
    NO_STATUS,
    OUTCOMES,
    RETRY_COLUMNS,
    STATUSES,
    WRITE_COLUMNS,
    Answers,
    Integers,
    Reads,
    Retries,
    Writes,
)
from loadtest.figures.run_folder import RunRecord
from loadtest.figures.whole_file import write_whole
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.trace import scenario_json


class RawRecords:
    """Records that are written chunk by chunk, in constant memory. Raises OSError.

    Numbers are written so that they are read as the very same. `sent_s` stays empty: a simulated client is never late.
    """

    def __init__(self, folder: Path, run: PlannedRun, oldest_s: float) -> None:
        """Open the records in `raw/<label>` of the experiment's `folder`."""
        self._folder, self._strategy = folder / "raw" / run.label, run.strategy
        self._folder.mkdir(parents=True)
        write_whole(self._folder / "scenario.json", scenario_json(run.scenario, self._folder, folder))
        self._record = RunRecord.of(run, "virtual", oldest_s=oldest_s)
        self._record.write(self._folder)
        self._answers = (self._folder / "answers-1.csv").open("w", newline="", encoding="utf-8")
        self._ledger = (self._folder / "ledger.csv").open("w", newline="", encoding="utf-8")
        self._retries = (self._folder / "retries-1.csv").open("w", newline="", encoding="utf-8")
        csv.writer(self._answers).writerow(ANSWER_COLUMNS)
        csv.writer(self._retries).writerow(RETRY_COLUMNS)
        csv.writer(self._ledger).writerow(OriginRead._fields)

    def begin(self, start_s: float) -> None:
        """Note that the load begins."""
        self._record.start_s = start_s

    def answers(self, chunk: Answers, pods: Integers, faults: Sequence[tuple[int, str]]) -> None:
        """Write a chunk of answers; `pods` has an element per answer, `faults` have places and texts."""
        wrong = defaultdict(str, faults)
        statuses = [*map(str, STATUSES), ""]
        assert statuses.index("") == NO_STATUS
        seen = (chunk.intended_s, chunk.ended_s, chunk.key, chunk.code, chunk.status, chunk.age_s)
        patience = (pods, chunk.attempts, chunk.gave_up.astype(np.int64))
        lines, rows = csv.writer(self._answers), zip(*(column.tolist() for column in (*seen, *patience)), strict=True)
        lines.writerows(
            (intended_s, "", ended_s, key, code, statuses[status], _known(age_s), f"pod-{pod + 1}", wrong[place], *more)
            for place, (intended_s, ended_s, key, code, status, age_s, pod, *more) in enumerate(rows)
        )

    def reads(self, chunk: Reads, pods: Integers) -> None:
        """Write a chunk of reads; `pods` has an element per read."""
        rows = zip(*(column.tolist() for column in (*chunk, pods)), strict=True)
        csv.writer(self._ledger).writerows(
            OriginRead(
                asked_s=asked_s,
                started_s=_known(started_s),  # type: ignore[arg-type]
                ended_s=ended_s,
                key=f"lab:{self._strategy}:{key}",
                strategy=self._strategy,
                pod=f"pod-{pod + 1}",
                reason=LOAD_REASONS[reason],
                outcome=OUTCOMES[outcome],
            )
            for asked_s, started_s, ended_s, key, reason, outcome, pod in rows
        )

    def retries(self, chunk: Retries) -> None:
        """Write a chunk of retries."""
        csv.writer(self._retries).writerows(zip(*(column.tolist() for column in chunk), strict=True))

    def writes(self, chunk: Writes) -> None:
        """Write a chunk of writes."""
        path = self._folder / WRITES
        lines = [] if path.exists() else [WRITE_COLUMNS]
        with path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([*lines, *zip(*(column.tolist() for column in chunk), strict=True)])

    def end(self, ending: Ending) -> None:
        """Write the end of the run."""
        self.close()
        self._record.incidents, self._record.trace, self._record.is_over = ending.incidents, ending.trace, True
        self._record.notes = ending.notes
        self._record.failures = [(str(kind), what, count) for (kind, what), count in ending.failures.items()]
        self._record.net_acts = None if ending.net_acts is None else dict(ending.net_acts)
        self._record.local_hits = ending.local_hits
        self._record.write(self._folder)

    def close(self) -> None:
        self._answers.close()
        self._ledger.close()
        self._retries.close()


def _known(value: float) -> float | str:
    return "" if np.isnan(value) else value
