"""Records of a run: what the clients saw (`answers*.csv`, `retries*.csv`), and the origin's reads (`ledger.csv`).

In memory they are chunks: arrays of one element per request or read. A run of any length is read chunk by chunk.
"""

import csv
import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.ledger import ReadOutcome
from app.strategy import LoadReason, Status

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_OF_THE_ANSWER = ("intended_s", "sent_s", "ended_s", "key", "code", "status", "age_s", "pod", "fault")
_OF_THE_CLIENT = {"attempts": "1", "gave_up": "0"}
"""The columns that files of earlier versions lack, with what every client did then."""
ANSWER_COLUMNS = (*_OF_THE_ANSWER, *_OF_THE_CLIENT)
"""The columns of an answers file, which has one line per request, however many attempts it took.

Times are seconds since the epoch. `intended_s` is the intended start of the first attempt, `sent_s` the real one, and
`ended_s` the end of the last attempt. Without an answer `code` is 0 and `status` empty. `age_s` is empty where there
is none, and `fault` says what was wrong with the answer's content. `attempts` is 1 without a retry. `gave_up` is 1
where the client abandoned the last attempt, or nothing answered it.
"""

RETRY_COLUMNS = ("sent_s", "attempt", "key")
"""The columns of a retries file, which has one line per attempt from a request's second one on."""

WRITE_COLUMNS = ("began_s", "ended_s", "key")
"""The columns of the file of writes."""

STATUSES = tuple(Status)
LOAD_REASONS = tuple(LoadReason)
OUTCOMES = tuple(ReadOutcome)
OK, FAILED, SHED = map(OUTCOMES.index, (ReadOutcome.OK, ReadOutcome.FAILED, ReadOutcome.SHED))
NO_STATUS = len(STATUSES)
STATUS_NUMBERS: Mapping[str | None, int] = {None: NO_STATUS, "": NO_STATUS} | {
    status: number for number, status in enumerate(STATUSES)
}
LOAD_REASON_NUMBERS: Mapping[str, int] = {reason: number for number, reason in enumerate(LOAD_REASONS)}
OUTCOME_NUMBERS: Mapping[str, int] = {outcome: number for number, outcome in enumerate(OUTCOMES)}
"""Places in `STATUSES`, `LOAD_REASONS` and `OUTCOMES`, by the words or by the text that records hold."""

LEDGER_COLUMNS = ("asked_s", "started_s", "ended_s", "key", "reason", "outcome")
"""The columns of `app.ledger.OriginRead` that figures are made of."""

CHUNK_LINES = 100_000
NOWHERE: Integers = np.empty(0, dtype=np.int64)
"""The places of no answer."""
_NONE_LATER: Mapping[str, str] = {}

Line = tuple[str, ...]
"""The texts of a line, in the order of the columns that were asked for."""
_ENDED, _SENT = ANSWER_COLUMNS.index("ended_s"), RETRY_COLUMNS.index("sent_s")
_ASKED = LEDGER_COLUMNS.index("asked_s")


class Answers(NamedTuple):
    """Answers as the clients saw them, one element per request."""

    intended_s: Floats
    ended_s: Floats
    age_s: Floats  # NaN where the answer has none
    code: Integers
    status: Integers  # an index of STATUSES, or NO_STATUS
    key: Integers
    wrong_answer_kinds: Mapping[str, int]  # counts by what was wrong with an answer
    attempts: Integers  # 1 without a retry
    gave_up: NDArray[np.bool_]  # the last attempt was abandoned, or nothing answered it
    wrong_at: Integers = NOWHERE  # the places of the answers with wrong content

    @property
    def latency_s(self) -> Floats:
        """The time from the intended start of the first attempt to the end of the last, in seconds."""
        return self.ended_s - self.intended_s


class Retries(NamedTuple):
    """Attempts beyond the first of their requests, one element each, about in order of sending."""

    sent_s: Floats
    attempt: Integers  # 2 for the first retry
    key: Integers


class Writes(NamedTuple):
    """Writes of items whose entries were then dealt with, one element each, in order of their beginnings."""

    began_s: Floats
    ended_s: Floats  # when the write and its invalidation were over
    key: Integers


class Reads(NamedTuple):
    """Reads of the origin, over all pods, one element per read."""

    asked_s: Floats
    started_s: Floats  # when the read got a connection; NaN where it got none
    ended_s: Floats
    key: Integers
    reason: Integers  # an index of LOAD_REASONS
    outcome: Integers  # an index of OUTCOMES

    def only(self, kept: NDArray[np.bool_] | Integers | slice) -> "Reads":
        return Reads(
            self.asked_s[kept], self.started_s[kept], self.ended_s[kept],
            self.key[kept], self.reason[kept], self.outcome[kept],
        )  # fmt: skip


def read_answers(paths: Sequence[Path]) -> Iterator[Answers]:
    """The answers of all files, in order of their ends as far as each file is in that order.

    Raises OSError, or ValueError naming the file where it is not a file of answers.
    """
    files = [_lines(path, _OF_THE_ANSWER, _OF_THE_CLIENT) for path in paths]
    yield from map(as_answers, _in_chunks(_merged(files, _ENDED)))


def as_answers(lines: Sequence[Line]) -> Answers:
    """The answers of at least one line, whose texts are in the order of `ANSWER_COLUMNS`."""
    intended_s, _, ended_s, key, code, status, age_s, _, fault, attempts, gave_up = zip(*lines, strict=True)
    return Answers(
        intended_s=np.array([*map(float, intended_s)]),
        ended_s=np.array([*map(float, ended_s)]),
        age_s=np.array([float(text or "nan") for text in age_s]),
        code=np.array([*map(int, code)], dtype=np.int64),
        status=np.array([STATUS_NUMBERS[text] for text in status], dtype=np.int64),
        key=np.array([*map(int, key)], dtype=np.int64),
        wrong_answer_kinds=Counter(filter(None, fault)),
        attempts=np.array([*map(int, attempts)], dtype=np.int64),
        gave_up=np.array([*map(int, gave_up)], dtype=np.bool_),
        wrong_at=np.flatnonzero(fault),
    )


def read_retries(paths: Sequence[Path]) -> Iterator[Retries]:
    """The retries of all files, in order of sending as far as each file is in that order. Raises as `read_answers`."""
    for lines in _in_chunks(_merged([_lines(path, RETRY_COLUMNS) for path in paths], _SENT)):
        sent_s, attempt, key = zip(*lines, strict=True)
        yield Retries(
            sent_s=np.array([*map(float, sent_s)]),
            attempt=np.array([*map(int, attempt)], dtype=np.int64),
            key=np.array([*map(int, key)], dtype=np.int64),
        )


def read_writes(path: Path) -> Iterator[Writes]:
    """The writes, in order of their beginnings; none where nothing was written down. Raises as `read_answers`."""
    if not path.exists():
        return
    for lines in _in_chunks(_lines(path, WRITE_COLUMNS)):
        began_s, ended_s, key = zip(*lines, strict=True)
        yield Writes(
            began_s=np.array([*map(float, began_s)]),
            ended_s=np.array([*map(float, ended_s)]),
            key=np.array([*map(int, key)], dtype=np.int64),
        )


def first_intended_s(paths: Sequence[Path]) -> float:
    """The earliest intended start of a request, in seconds; infinite where there was none. Raises as `read_answers`."""
    moments = (float(intended_s) for path in paths for intended_s, *_ in _lines(path, _OF_THE_ANSWER))
    return min(moments, default=math.inf)


def read_ledger(path: Path, clock_offset_s: float = 0.0) -> Iterator[Reads]:
    """The reads in order of asking, on the clients' clock, which the ledger's is ahead of by `clock_offset_s`.

    The file is nearly in that order, because pods write a read down when it ends and are asked in turn. It is read
    twice, so that only as many lines are held as lie between a line and its place.

    Raises OSError, or ValueError naming the file where it is not a ledger.
    """
    for lines in _in_chunks(_in_order_of_asking(path)):
        yield as_reads(lines, clock_offset_s)


def as_reads(lines: Sequence[Line], clock_offset_s: float = 0.0) -> Reads:
    """The reads of at least one line, whose texts are in the order of `LEDGER_COLUMNS`; clocks as in `read_ledger`."""
    asked_s, started_s, ended_s, key, reason, outcome = zip(*lines, strict=True)
    return Reads(
        asked_s=np.array([*map(float, asked_s)]) - clock_offset_s,
        started_s=np.array([float(text or "nan") for text in started_s]) - clock_offset_s,
        ended_s=np.array([*map(float, ended_s)]) - clock_offset_s,
        key=np.array([int(text.rpartition(":")[2]) for text in key], dtype=np.int64),
        reason=np.array([LOAD_REASON_NUMBERS[text] for text in reason], dtype=np.int64),
        outcome=np.array([OUTCOME_NUMBERS[text] for text in outcome], dtype=np.int64),
    )


def _in_order_of_asking(path: Path) -> Iterator[Line]:
    latest_s, behind_s = -math.inf, 0.0
    for line in _lines(path, LEDGER_COLUMNS):
        asked_s = float(line[_ASKED])
        latest_s = max(latest_s, asked_s)
        behind_s = max(behind_s, latest_s - asked_s)
    held: list[tuple[float, int, Line]] = []
    latest_s = -math.inf
    for number, line in enumerate(_lines(path, LEDGER_COLUMNS)):
        asked_s = float(line[_ASKED])
        latest_s = max(latest_s, asked_s)
        heapq.heappush(held, (asked_s, number, line))
        while held[0][0] < latest_s - behind_s:  # no later line was asked for earlier
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]


def _merged(files: Sequence[Iterator[Line]], column: int) -> Iterator[Line]:
    """The lines of all files in order of that column, a number, as far as each file is in that order."""
    return files[0] if len(files) == 1 else heapq.merge(*files, key=lambda line: float(line[column]))


def _lines(path: Path, columns: Sequence[str], later: Mapping[str, str] = _NONE_LATER) -> Iterator[Line]:
    """The texts of these columns, which a file may have in any order and beside others, line by line.

    Columns that came `later` follow, with the text that stands there for a file without them.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header is None:
            return  # its writer was killed before the first line
        if missing := set(columns) - set(header):
            raise ValueError(f"{path}: no column {min(missing)}")
        absent = [column for column in later if column not in header]
        added = [later[column] for column in absent]
        picked = itemgetter(*map([*header, *absent].index, (*columns, *later)))
        for line in reader:
            if len(line) >= len(header):  # a generator that was killed may have left half a line
                yield picked(line + added if added else line)


def _in_chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    left = iter(lines)
    while chunk := list(islice(left, CHUNK_LINES)):
        yield chunk
