"""Whether an answer is right: the item that was asked for, intact, no older than it may be. The same in every world.

Three clocks are about: the client's, by which requests are sent and answered; the cache's, which all pods share, and
by which an item says when it was read; and the pods' idea of the latter. That the client's differs is no fault of an
answer: ages come from the pods, moments of reading are compared with each other, and with now only where the pods have
said what the time is there.
"""

import json
import math
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from app.strategy import Status

WRONG_ID, CORRUPT, NOT_AN_ITEM = "wrong id", "corrupt", "not an item"
OLDER = "older than an answer before"
TOO_OLD = "older than its strategy may serve"
FUTURE = "read in the future"
NO_STATUS = "no status of an answer"
NO_AGE = "no possible age"
NOT_ABSENT = "a 404 of something else"

CLOCKS_APART_S = 0.1
"""How far the pods' ideas of the cache's clock may be apart: each learns it over a network, from one answer."""
CLIENT_APART_S = 1.0
"""How exactly a client knows the cache's clock; likewise, but once, and perhaps long ago."""
_SERVED = frozenset({Status.HIT, Status.MISS, Status.STALE, Status.COLLAPSED})
_CENTURY_S = 3.2e9


class Seen(NamedTuple):
    """What is known of a 200, besides its body."""

    status: str
    age_s: float | None  # by the pod; None where it says none
    sent_s: float  # by the client's clock; likewise below
    ended_s: float


class AnswerCheck:
    """What one client process has seen so far. Memory grows with the keys, not with the answers."""

    def __init__(self, overtaken_s: float, clocks_apart_s: float = CLOCKS_APART_S) -> None:
        """`overtaken_s` is the longest that a load takes. A strategy that loads without a lock may overwrite an entry
        by an older one, of a load that began earlier and took longer: by as much, answers may go back.
        """
        self.overtaken_s = overtaken_s
        self._apart_s = clocks_apart_s
        self._oldest_s: dict[str, float] = {}
        self._ahead_s: float | None = None
        self._newest_s: dict[tuple[str, int], float] = {}

    def promise(self, oldest_s: Mapping[str, float]) -> None:
        """Hold answers to this from now on: how old the cache's may be, by strategy (`Mechanism.oldest_s`)."""
        self._oldest_s.update(oldest_s)

    def clock(self, ahead_s: float) -> None:
        """The cache's clock is ahead of the client's by so much."""
        self._ahead_s = ahead_s

    def floor_s(self, strategy: str, key: int) -> float:
        """When the newest item seen by now was read: what is asked for from here on must not be older."""
        return self._newest_s.get((strategy, key), 0.0)

    def absent_fault(self, body: bytes) -> str:
        """What is wrong with the body of a 404, or nothing: the lab says which item is absent."""
        try:
            return "" if json.loads(body)["error"] == "absent" else NOT_ABSENT
        except (ValueError, KeyError, TypeError):
            return NOT_ABSENT

    def fault(self, strategy: str, key: int, body: bytes, seen: Seen, floor_s: float) -> str:
        """What is wrong with a 200, or nothing. `floor_s` is the key's, at the moment it was asked for."""
        try:
            item = json.loads(body)
            intact = zlib.crc32(item["text"].encode()) == item["crc32"]
            int(item["version"])
            id_, read_at_s = item["id"], float(item["read_at"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return NOT_AN_ITEM
        if id_ != key or not intact:
            return WRONG_ID if id_ != key else CORRUPT
        if not 0 <= read_at_s < _CENTURY_S:  # nor is NaN
            return FUTURE if read_at_s >= _CENTURY_S else NOT_AN_ITEM
        if fault := self.age_fault(strategy, seen, read_at_s):
            return fault
        if read_at_s < floor_s - self.overtaken_s - self._apart_s:
            return OLDER
        if read_at_s > self.floor_s(strategy, key):
            self._newest_s[strategy, key] = read_at_s
        return ""

    def age_fault(self, strategy: str, seen: Seen, read_at_s: float) -> str:
        """What is wrong with how old it is. What counts is its age when it was asked for: whatever kept the answer from
        coming afterwards is latency."""
        status, age_s, sent_s, ended_s = seen
        if status not in _SERVED:
            return NO_STATUS
        if age_s is None or not -self._apart_s <= age_s < math.inf:
            return NO_AGE
        took_s = ended_s - sent_s
        # an answer by a load is as old as that load
        limit_s = 0.0 if status == Status.MISS else self._oldest_s.get(strategy, math.inf)
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
