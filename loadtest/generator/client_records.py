"""The records of one generator process on disk: a line for each request, and one for each of its retries."""

import csv
import itertools
import os
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from loadtest.figures.records import ANSWER_COLUMNS, RETRY_COLUMNS

UNSENT_COLUMNS = ("due_s", "attempt", "key")
"""The columns of an `unsent-*.csv`: retries that waited for their time when the run ended, and were never sent."""
_BUFFER_BYTES = 1 << 16
FLUSH_EVERY_S = 1.0
"""Seconds after which records are on disk: a process that is killed loses no more, and a reader is not further behind.

A buffer holds about as much of a usual load, so that this adds no more than a write each second.
"""


class ClientRecords:
    """The files of one process and test, beside those of earlier tests of the process; without a folder it keeps none.

    A load without retries leaves `answers-<id>.csv` alone.
    """

    def __init__(self, folder: Path | None, *, with_retries: bool = False) -> None:
        """Open new files in the folder. Raises OSError."""
        self.folder = folder
        self.instance_id = str(os.getpid())
        """The id of this process and this test in the names of its records."""
        self._open_files = ExitStack()
        self._files: list[TextIOWrapper] = []
        self._answers: Any = None
        self._retries: Any = None
        self._unsent: Any = None
        if folder is None:
            return
        for number in itertools.count(1):
            instance_id = self.instance_id if number == 1 else f"{self.instance_id}-{number}"
            try:
                self._answers = self._file("answers", instance_id, ANSWER_COLUMNS)
            except FileExistsError:
                continue
            self.instance_id = instance_id
            break
        if with_retries:
            self._retries = self._file("retries", self.instance_id, RETRY_COLUMNS)

    def answer(self, *values: object) -> None:
        """Record a request that has ended, as a line of `ANSWER_COLUMNS`."""
        if self._answers is not None:
            self._answers.writerow(values)

    def retry(self, sent_s: float, attempt: int, key: int) -> None:
        """Record an attempt beyond a request's first as it is sent, seconds since the epoch."""
        if self._retries is not None:
            self._retries.writerow((f"{sent_s:.6f}", attempt, key))

    def unsent(self, due_s: float, attempt: int, key: int) -> None:
        """Record a retry that the end of the run left unsent, and when it was due, seconds since the epoch."""
        if self.folder is None:
            return
        if self._unsent is None:
            self._unsent = self._file("unsent", self.instance_id, UNSENT_COLUMNS)
        self._unsent.writerow((f"{due_s:.6f}", attempt, key))

    def flush(self) -> None:
        """Write down what is buffered; nothing may be recorded meanwhile by another thread."""
        for file in self._files:
            file.flush()

    def close(self) -> None:
        """Close the files; what is recorded afterwards is left out."""
        self._answers = self._retries = self._unsent = self.folder = None
        self._files.clear()
        self._open_files.close()

    def _file(self, what: str, instance_id: str, columns: tuple[str, ...]) -> Any:
        assert self.folder is not None
        path = self.folder / f"{what}-{instance_id}.csv"
        file = path.open("x", newline="", encoding="utf-8", buffering=_BUFFER_BYTES)
        self._files.append(file)
        writer = csv.writer(self._open_files.enter_context(file))
        writer.writerow(columns)
        return writer
