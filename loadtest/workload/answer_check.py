"""The check of an answer, the same in every world: it holds the requested item, intact and no older than it may be.

Three clocks take part. Requests are sent and answered by the client's. An item says when it was read by the cache's,
which all pods share. A pod states an item's age by its own idea of the cache's clock.

A client's clock that differs is no fault of an answer. So ages come from the pods, and moments of reading are compared
with each other. They are compared with now only where the pods have said what the time is there.
"""

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from app.strategy import Status
from loadtest.workload.floors import Floors

WRONG_ID, CORRUPT, NOT_AN_ITEM = "wrong id", "corrupt", "not an item"
OLDER = "older than an answer before"
TOO_OLD = "older than its strategy may serve"
FUTURE = "read in the future"
NO_STATUS = "no status of an answer"
NO_AGE = "no possible age"
NOT_ABSENT = "a 404 of something else"
EXISTS = "a 404 of an item that exists"
MADE_UP = "an item that does not exist"

CLOCKS_APART_S = 0.1
"""Seconds by which pods' ideas of the cache's clock may differ: each learns it over a network, from one answer."""
CLIENT_APART_S = 1.0
"""Seconds by which the client's idea of the cache's clock may be off: it learns it once, over a network."""
_SERVED = frozenset({Status.HIT, Status.MISS, Status.STALE, Status.COLLAPSED})
_CENTURY_S = 3.2e9
_DECODER = json.JSONDecoder()


class Seen(NamedTuple):
    """The facts about a 200 besides its body."""

    status: str
    age_s: float | None  # as the pod says; None where it says none
    sent_s: float  # on the client's clock, as `ended_s` is
    ended_s: float


class AnswerCheck:
    """The answers that one client process has seen so far; memory grows with the keys, not with the answers."""

    def __init__(self, overtaken_s: float, clocks_apart_s: float = CLOCKS_APART_S) -> None:
        """Make a check that has seen nothing; `overtaken_s` is the longest that a load takes, in seconds.

        A strategy that loads without a lock may overwrite an entry by an older one, whose load began earlier and took
        longer. Answers may go back by as much.
        """
        self.overtaken_s = overtaken_s
        self._apart_s = clocks_apart_s
        self._oldest_s: dict[str, float] = {}
        self._stale_if_error_s = 0.0
        self._ahead_s: float | None = None
        self._items: int | None = None
        self._floors: dict[str, Floors[int]] = {}

    def promise(
        self,
        oldest_s: Mapping[str, float],
        stale_if_error_s: float = 0.0,
        lag_s: Mapping[str, float] = {},
    ) -> None:
        """Hold answers from now on to the oldest age of each strategy, in seconds (`Mechanism.oldest_s`).

        A stale answer may be older by `stale_if_error_s`, the window of that net. With a lag (`Mechanism.lag_s`), what
        was seen last holds for answers only after the lag, and the time that reading a copy takes.
        """
        self._oldest_s.update(oldest_s)
        for strategy, behind_s in lag_s.items():
            self.floors(strategy).lag_s = behind_s + self.overtaken_s if behind_s else 0.0
        self._stale_if_error_s = stale_if_error_s

    def clock(self, ahead_s: float) -> None:
        """Take the cache's clock to be `ahead_s` seconds ahead of the client's."""
        self._ahead_s = ahead_s

    def at_cache(self, moment_s: float) -> float:
        """A moment of the client's clock on the cache's, seconds; the same where the pods have not said the time."""
        return moment_s + (self._ahead_s or 0.0)

    def existing(self, items: int) -> None:
        """Take ids below `items` to exist, and no others: those are never answered with a 404, these with nothing else.

        Before this, either answer passes.
        """
        self._items = items

    def floor_s(self, strategy: str, key: int, sent_s: float) -> float:
        """The read time of the newest item that a request sent at `sent_s`, now, has to know; 0 before the first.

        It must not be answered by an older one.
        """
        return self.floors(strategy).floor_s(key, sent_s)

    def floors(self, strategy: str) -> Floors[int]:
        """The floors of a strategy's keys, which change with every answer."""
        if (floors := self._floors.get(strategy)) is None:
            floors = self._floors[strategy] = Floors()
        return floors

    def absent_fault(self, key: int, body: bytes) -> str:
        """The fault of a 404, or an empty text: the lab says in its body that the item is absent."""
        try:
            if json.loads(body)["error"] != "absent":
                return NOT_ABSENT
        except (ValueError, KeyError, TypeError):
            return NOT_ABSENT
        return EXISTS if self._items is not None and key < self._items else ""

    def fault(self, strategy: str, key: int, body: bytes, seen: Seen, floor_s: float) -> str:
        """The fault of a 200, or an empty text; `floor_s` is the key's floor at the moment of the request."""
        try:
            item = _read(body)
            intact = zlib.crc32(item["text"].encode()) == item["crc32"]
            int(item["version"])
            id_, read_at_s = item["id"], float(item["read_at"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return NOT_AN_ITEM
        is_made_up = self._items is not None and key >= self._items
        if id_ != key or not intact or is_made_up:
            return WRONG_ID if id_ != key else MADE_UP if is_made_up else CORRUPT
        if not 0 <= read_at_s < _CENTURY_S:  # false for NaN, too
            return FUTURE if read_at_s >= _CENTURY_S else NOT_AN_ITEM
        if fault := self.age_fault(strategy, seen, read_at_s):
            return fault
        if read_at_s < floor_s - self.overtaken_s - self._apart_s:
            return OLDER
        self.floors(strategy).see(key, read_at_s, seen.ended_s)
        return ""

    def age_fault(self, strategy: str, seen: Seen, read_at_s: float) -> str:
        """The fault of an item's age at the moment of the request, or an empty text; a later delay is latency."""
        status, age_s, sent_s, ended_s = seen
        if status not in _SERVED:
            return NO_STATUS
        if age_s is None or not -self._apart_s <= age_s < math.inf:
            return NO_AGE
        took_s = ended_s - sent_s
        # an answer by a load may be as old as the longest load
        limit_s = 0.0 if status == Status.MISS else self._oldest_s.get(strategy, math.inf)
        if status == Status.STALE:
            limit_s += self._stale_if_error_s
        if status in (Status.MISS, Status.COLLAPSED):
            limit_s = max(limit_s, self.overtaken_s)
        if age_s - took_s > limit_s + self._apart_s:
            return TOO_OLD
        if self._ahead_s is None:
            return ""
        true_age_s = ended_s + self._ahead_s - read_at_s
        if true_age_s < -CLIENT_APART_S - self._apart_s:
            return FUTURE
        return TOO_OLD if true_age_s - took_s > limit_s + self._apart_s + CLIENT_APART_S else ""


def _read(body: bytes) -> Any:
    """The JSON of a body, as `json.loads` reads it, which first guesses the encoding. Raises ValueError."""
    text = body.decode().strip()
    item, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("more than an item")
    return item
