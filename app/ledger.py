"""The ledger: every read that the origin was asked for. It is the lab's truth about origin load."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from app.strategy import Loaded, LoadReason


class ReadOutcome(StrEnum):
    """How a read ended."""

    OK = "ok"  # the store answered, be it that there is no such item
    FAILED = "failed"  # it had a connection, and the store gave no answer; or was late before it had one
    SHED = "shed"  # turned away at the pool's bound: the store never saw it


class OriginRead(NamedTuple):
    """One read. Times are seconds on the cache's clock: when it was asked for, got a connection, and ended.

    A read goes on to its end though its caller was cancelled or timed out, and its outcome is what the store answered.
    A late read leaves only the queue for connections that pods share.
    """

    asked_s: float
    started_s: float | None  # None: it was shed, or late before it had a connection
    ended_s: float
    key: str
    strategy: str
    pod: str
    reason: LoadReason
    outcome: ReadOutcome


@dataclass(eq=False)
class AskedRead:
    """A read that the origin was asked for, from the asking to its end. It equals no other read, however alike.

    Times are as in `OriginRead`; `asked_monotonic_s` is the moment of asking on the monotonic clock. It has no slots,
    so that what is not known at the asking stays on the class until it is.
    """

    item_id: int
    key: str
    strategy: str
    pod: str
    reason: LoadReason
    asked_s: float
    asked_monotonic_s: float
    started_s: float | None = field(default=None, init=False)
    ended_s: float = field(default=math.inf, init=False)
    outcome: ReadOutcome = field(default=ReadOutcome.FAILED, init=False)
    loaded: Loaded | None = field(default=None, init=False)  # what the store answered
    is_late: bool = field(default=False, init=False)  # it has taken longer than a caller waits


class Ledger:
    """The newest `rows_max` reads of one pod; older ones are dropped, and counted."""

    def __init__(self, rows_max: int) -> None:
        self._rows: deque[OriginRead] = deque(maxlen=rows_max)
        self._written = 0

    def write(self, read: AskedRead) -> None:
        """Add a read that has ended, or was shed."""
        self._rows.append(
            OriginRead(
                read.asked_s,
                read.started_s,
                read.ended_s,
                read.key,
                read.strategy,
                read.pod,
                read.reason,
                read.outcome,
            )
        )
        self._written += 1

    def page(self, after: int, rows_max: int = 20_000) -> dict[str, Any]:
        """Rows from number `after` on. `next` begins the following page; `dropped` counts the rows lost before."""
        first_kept = self._written - len(self._rows)
        first = max(after, first_kept)
        rows: Sequence[OriginRead] = list(islice(self._rows, first - first_kept, first - first_kept + rows_max))
        return {
            "columns": OriginRead._fields,
            "rows": rows,
            "next": first + len(rows),
            "written": self._written,
            "dropped": max(0, first_kept - after),
        }
