"""The parts of a timeline: loads, locks, waits, requests and moments. Times are those of the event log, seconds."""

import math
from collections import Counter
from dataclasses import dataclass, field

NOTIFICATION, POLL = "notification", "poll"
"""The two things that wake a pod that waits for a lock."""


@dataclass(slots=True)
class LoadSpan:
    """A read of the origin; `ended_s` is infinite while it is under way."""

    pod: str
    item: int
    reason: str
    began_s: float
    request: int | None
    """The request whose code began it; None where no request did."""
    ended_s: float = math.inf
    outcome: str = "under way"


@dataclass(slots=True)
class LockSpan:
    """A lock, from its grant to its end; a lease that runs out ends it without a word."""

    pod: str
    item: int
    token: str
    since_s: float
    lease_until_s: float
    released_s: float = math.inf
    end: str = "the lease ended"

    @property
    def until_s(self) -> float:
        return min(self.released_s, self.lease_until_s)


@dataclass(slots=True)
class LockWait:
    """A pod's wait for a lock that another one holds: from the first refusal to the lock or the entry."""

    pod: str
    item: int
    since_s: float
    holder: LockSpan | None
    wakes: list[tuple[float, str]] = field(default_factory=list)
    """The moments at which it woke and looked, each with what woke it."""
    until_s: float = math.inf
    end: str = ""


@dataclass(slots=True)
class RequestSpan:
    """A request that was not answered from the cache at once; `ended_s` is infinite without an answer yet."""

    number: int
    pod: str
    item: int
    asked_s: float
    found: str = ""
    ended_s: float = math.inf
    said: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TimelineMoment:
    """Something that happens at once: an expiry, a store, a fault, the violation."""

    at_s: float
    kind: str
    item: int | None
    pod: str
    what: str


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event in the words of the event log."""

    at_s: float
    pod: str
    what: str
    request: int | None
    place: int


@dataclass(frozen=True, slots=True)
class HeldEntry:
    """The entry that the cache held of an item from a moment on; `pod` is empty where the entry was dropped."""

    at_s: float
    pod: str
    expires_s: float
    dropped: str = ""


@dataclass(slots=True)
class Timeline:
    """A part of a run: what was under way when. Answers from the cache are counts by bin."""

    since_s: float
    until_s: float
    pods: list[str]
    items: list[int]
    loads: list[LoadSpan] = field(default_factory=list)
    locks: list[LockSpan] = field(default_factory=list)
    waits: list[LockWait] = field(default_factory=list)
    requests: list[RequestSpan] = field(default_factory=list)
    moments: list[TimelineMoment] = field(default_factory=list)
    events: list[ToldEvent] = field(default_factory=list)
    bin_s: float = 0.1
    hits: Counter[tuple[str, int]] = field(default_factory=Counter)
    """The answers from the cache that came at once, by pod and number of the bin."""
    left_out: int = 0
    """The events that would be too many for one page."""
