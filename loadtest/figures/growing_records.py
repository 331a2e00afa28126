"""Records of a run that goes on: each look reads what its writers have added since the last, and nothing twice."""

import csv
from collections.abc import Callable, Sequence
from io import StringIO
from operator import itemgetter
from pathlib import Path

from loadtest.figures.records import ANSWER_COLUMNS, LEDGER_COLUMNS, Answers, Line, Reads, as_answers, as_reads

LOOK_BYTES_MAX = 4 << 20
"""The most bytes of a file that one look reads; what is left is for the next one."""


class GrowingFile:
    """A file of records that is written still. Half a line waits until the rest of it is there."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        """Follow the file at `path`, which need not be there yet; lines have their texts in the order of `columns`."""
        self._path, self._columns = path, columns
        self._read = self._fields = 0
        self._picked: Callable[[Sequence[str]], Line] | None = None

    def new_lines(self) -> list[Line]:
        """The whole lines that came since the last look. Raises OSError, ValueError where it is not such a file."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                block = file.read(LOOK_BYTES_MAX)
        except FileNotFoundError:
            return []
        whole = block[: block.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = csv.reader(StringIO(whole.decode(), newline=""))
        if self._picked is None:
            if (header := next(lines, None)) is None:
                return []
            if missing := set(self._columns) - set(header):
                raise ValueError(f"{self._path}: no column {min(missing)}")
            self._fields, self._picked = len(header), itemgetter(*map(header.index, self._columns))
        return [self._picked(line) for line in lines if len(line) == self._fields]


class GrowingRecords:
    """The records of one run that goes on, in its folder `raw`."""

    def __init__(self, raw: Path, clock_offset_s: float = 0.0) -> None:
        """Follow the files of `raw`; the ledger's clock is ahead of the clients' by `clock_offset_s`."""
        self._raw, self._clock_offset_s = raw, clock_offset_s
        self._answers: dict[Path, GrowingFile] = {}
        self._ledger = GrowingFile(raw / "ledger.csv", LEDGER_COLUMNS)

    def new_answers(self) -> Answers | None:
        """The answers that came since the last look, in any order; None for none. Raises as `GrowingFile`."""
        lines: list[Line] = []
        for path in sorted(self._raw.glob("answers*.csv")):
            lines += self._answers.setdefault(path, GrowingFile(path, ANSWER_COLUMNS)).new_lines()
        return as_answers(lines) if lines else None

    def new_reads(self) -> Reads | None:
        """The reads that came since the last look, in any order; None for none. Raises as `GrowingFile`."""
        lines = self._ledger.new_lines()
        return as_reads(lines, self._clock_offset_s) if lines else None
