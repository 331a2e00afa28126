"""The recorder: everything that happened in a run, as chunks of its history and as one hash.

Memory does not grow with the number of requests: the loop stops at a full chunk, which is read before it goes on.
"""

import hashlib
from array import array
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadtest.figures.failures import Failures
from loadtest.figures.history import Chunk
from loadtest.figures.net_acts import act_name
from loadtest.figures.records import STATUS_NUMBERS, Answers, Floats, Integers, Reads, Retries, Writes
from loadtest.sim.cluster.events import AnswerWrong, FailureCounted, Handlers, NetActed, OriginAsked
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.sim.cluster.raw_records import RawRecords
from loadtest.workload.client import NO_ANSWER

CHUNK = 1 << 16
_NAN = float("nan")


class Columns(NamedTuple):
    """Answers in the order in which they were recorded, one element each; `status` and `pod` are numbers."""

    intended_s: Floats
    ended_s: Floats
    age_s: Floats  # NaN where the answer has none
    key: Integers
    code: Integers
    status: Integers
    pod: Integers
    attempts: NDArray[np.int8]

    def up_to(self, count: int) -> "Columns":
        kept = slice(count)
        return Columns(
            self.intended_s[kept], self.ended_s[kept], self.age_s[kept],
            self.key[kept], self.code[kept], self.status[kept], self.pod[kept], self.attempts[kept],
        )  # fmt: skip


def _empty(count: int) -> Columns:
    return Columns(*(np.empty(count, dtype=kind) for kind in "dddqqqqb"))


def _columns(columns: Columns) -> tuple[NDArray[Any], ...]:
    return columns


class Recorder:
    """A recorder of answers and reads; `checks` see every chunk of answers, `raw` writes all of them down.

    Answers are recorded one by one, or where they are known many at a time, in between the others (`settle`).
    """

    def __init__(
        self, full: Callable[[], None] = lambda: None, raw: RawRecords | None = None, size: int = CHUNK
    ) -> None:
        """Set up the recorder: `full` is called whenever there is another chunk to read."""
        self._full = full
        self._raw = raw
        self._size = size
        self._has_begun = False
        self.chunks: deque[Chunk] = deque()
        """The chunks that have not been read yet."""
        self.checks: list[Callable[[Answers], None]] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self._faults: list[tuple[int, str]] = []
        """The wrong answers among those that were recorded one by one: their place there, and the fault."""
        self._chunk, self._filled = _empty(self._size), 0
        self._faults_of_chunk: list[tuple[int, str]] = []
        self.settle_all: Callable[[], None] | None = None
        """The function that settles all answers up to now; without one, no answer comes in between others."""
        self._reads: deque[OpenRead] = deque()
        self._intended_s, self._ended_s, self._age_s = array("d"), array("d"), array("d")
        self._key, self._code, self._status, self._pod = array("q"), array("q"), array("q"), array("q")
        self._attempts = array("b")
        self._retry_sent_s, self._retry_attempt, self._retry_key = array("d"), array("q"), array("q")
        self._writes: list[tuple[float, float, int]] = []
        """The writes that are over, since the last chunk of answers."""
        self.requests = 0
        """The answers that have their place in the record."""
        self.handlers: Handlers = {
            OriginAsked: self._asked,
            FailureCounted: self._failed,
            AnswerWrong: self._fault,
            NetActed: self._net_acted,
        }
        self.failures = Failures()
        """The failures that the pods counted since they started, including the warm-up."""
        self.net_acts = Counter[str]()
        """The acts of the nets since the load began."""

    def answer(
        self,
        intended_s: float,
        ended_s: float,
        key: int,
        pod: int,
        code: int,
        status: Any,
        age_s: float | None,
        attempts: int = 1,
    ) -> None:
        """Record a request that has ended after so many attempts; without a `status` it got no answer."""
        self._intended_s.append(intended_s)
        self._ended_s.append(ended_s)
        self._age_s.append(_NAN if age_s is None else age_s)
        self._key.append(key)
        self._code.append(code)
        self._status.append(STATUS_NUMBERS[status])
        self._pod.append(pod)
        self._attempts.append(attempts)
        if self.settle_all is None and len(self._key) == self._size:
            self._settle_singles()

    def retry(self, sent_s: float, attempt: int, key: int) -> None:
        """Record an attempt after the first one of its request."""
        self._retry_sent_s.append(sent_s)
        self._retry_attempt.append(attempt)
        self._retry_key.append(key)
        if len(self._retry_key) == self._size:
            self._count_retries()

    def written(self, began_s: float, ended_s: float, key: int) -> None:
        """Record a write that is over."""
        self._writes.append((began_s, ended_s, key))

    def settle(self, known: Columns, before: Integers) -> None:
        """Record answers that are known by now; `before` has how many of them precede each one of the single ones."""
        singles = self._take_singles()
        places = before + np.arange(len(before))
        are_known = np.ones(len(known.key) + len(places), dtype=np.bool_)
        are_known[places] = False
        merged = _empty(len(are_known))
        for both, column, single in zip(*map(_columns, (merged, known, singles)), strict=True):
            both[are_known], both[places] = column, single
        self._put(merged, [(int(places[place]), fault) for place, fault in self._faults])
        self._faults = []

    def _settle_singles(self) -> None:
        self._put(self._take_singles(), self._faults)
        self._faults = []

    def _take_singles(self) -> Columns:
        columns: tuple[array[Any], ...] = (
            self._intended_s, self._ended_s, self._age_s,
            self._key, self._code, self._status, self._pod, self._attempts,
        )  # fmt: skip
        taken = Columns(*(np.array(column) for column in columns))
        for emptied in columns:
            del emptied[:]
        return taken

    def _put(self, columns: Columns, faults: list[tuple[int, str]]) -> None:
        """Append answers in their final order, and count every chunk that is full."""
        begun, count = 0, len(columns.key)
        self.requests += count
        while begun < count:
            ended = min(count, begun + self._size - self._filled)
            shift, self._filled = self._filled - begun, self._filled + ended - begun
            for kept, column in zip(_columns(self._chunk), _columns(columns), strict=True):
                kept[begun + shift : ended + shift] = column[begun:ended]
            self._faults_of_chunk += [(place + shift, fault) for place, fault in faults if begun <= place < ended]
            begun = ended
            if self._filled == self._size:
                self._count_answers()

    def _fault(self, event: AnswerWrong) -> None:
        """Note the fault of the answer that is recorded next."""
        self._faults.append((len(self._key), event.fault))

    def _failed(self, event: FailureCounted) -> None:
        self.failures[event.kind, event.what] += 1

    def _net_acted(self, event: NetActed) -> None:
        self.net_acts[act_name(event.net)] += 1

    def _asked(self, event: OriginAsked) -> None:
        self._reads.append(event.read)
        if len(self._reads) >= self._size:
            self._count_reads()

    def begin(self) -> None:
        """Begin the load: reads so far belong to the warm-up."""
        self._reads.clear()
        self.net_acts.clear()
        self._has_begun = True

    def trace(self) -> str:
        """Count the remaining answers and reads, and return the hash of all columns in order."""
        self._settle_known()
        self._settle_singles()
        self._count_answers()
        for read in self._reads:
            read.ended_s = max(read.ended_s, read.asked_s)
        self._count_reads()
        self._count_retries()
        return self._hash.hexdigest()

    def _settle_known(self) -> None:
        if self.settle_all is not None:
            self.settle_all()

    def _count_answers(self) -> None:
        """Hand on the chunk as far as it is filled, and begin another."""
        columns, faults = self._chunk.up_to(self._filled), self._faults_of_chunk
        self._chunk, self._filled, self._faults_of_chunk = _empty(self._size), 0, []
        intended_s, ended_s, age_s, key, code, status, pods, attempts = columns
        for column in columns if np.any(attempts > 1) else columns[:-1]:
            self._hash.update(column.data)
        gave_up = code == NO_ANSWER
        wrong = Counter(what for _, what in faults)
        wrong_at, tries = np.array([place for place, _ in faults], dtype=np.int64), attempts.astype(np.int64)
        chunk = Answers(intended_s, ended_s, age_s, code, status, key, wrong, tries, gave_up, wrong_at)
        for check in self.checks:
            check(chunk)
        assert self._has_begun, "begin comes before the first answer"
        self._count_writes()
        self.chunks.append(chunk)
        self._full()
        if self._raw is not None:
            self._raw.answers(chunk, pods, faults)

    def _count_writes(self) -> None:
        """Hand on the writes so far, before the answers that may be older than they are."""
        if not self._writes:
            return
        began_s, ended_s, key = zip(*sorted(self._writes), strict=True)
        chunk = Writes(np.array(began_s), np.array(ended_s), np.array(key, dtype=np.int64))
        self._writes.clear()
        self.chunks.append(chunk)
        if self._raw is not None:
            self._raw.writes(chunk)

    def _count_reads(self) -> None:
        """Count the ended reads up to the first open one, in order of asking."""
        ended = []
        while self._reads and self._reads[0].ended_s >= 0:
            ended.append(self._reads.popleft())
        if not ended or not self._has_begun:
            return
        self._settle_known()  # so that the hash has the chunks in the order in which they were full
        chunk = Reads(
            np.array([read.asked_s for read in ended]),
            np.array([read.started_s for read in ended]),
            np.array([read.ended_s for read in ended]),
            np.array([read.key for read in ended], dtype=np.int64),
            np.array([read.reason for read in ended], dtype=np.int64),
            np.array([read.outcome for read in ended], dtype=np.int64),
        )
        self._hand_on(chunk)
        if self._raw is not None:
            self._raw.reads(chunk, np.array([read.pod for read in ended], dtype=np.int64))

    def _count_retries(self) -> None:
        if not self._retry_key:
            return
        self._settle_known()
        columns: tuple[array[Any], ...] = (self._retry_sent_s, self._retry_attempt, self._retry_key)
        chunk = Retries(*(np.array(column) for column in columns))
        for emptied in columns:
            del emptied[:]
        self._hand_on(chunk)
        if self._raw is not None:
            self._raw.retries(chunk)

    def _hand_on(self, chunk: Reads | Retries) -> None:
        for column in chunk:
            self._hash.update(column.data)
        self.chunks.append(chunk)
        self._full()
