"""The watcher: an observer that makes a timeline of the events of a run.

The context tells a request from others: tasks and timers that its code begins run in copies of it.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection
from contextvars import ContextVar
from functools import partial
from typing import Any

from app.strategy import Status
from loadtest.sim.cluster import events
from loadtest.sim.cluster.cluster import Cluster, ClusterReady
from loadtest.sim.cluster.violation import Violation
from loadtest.sim.search.event_log import EventLog
from loadtest.sim.timeline.spans import (
    NOTIFICATION,
    POLL,
    HeldEntry,
    LoadSpan,
    LockSpan,
    LockWait,
    RequestSpan,
    TimelineMoment,
    ToldEvent,
)
from loadtest.workload.faults import PodKilled

FROM_THE_CACHE = (Status.HIT, Status.STALE)
_request: ContextVar[int | None] = ContextVar("request", default=None)


class Watcher:
    """An observer of some items of a run, which keeps what a timeline is made of up to `until_s`."""

    _cluster: Cluster

    def __init__(self, items: Collection[int], until_s: float, since_s: float = 0.0) -> None:
        """Set up the watcher: events before `since_s` are not told, and still known to what comes after them."""
        self._items, self._since_s, self._until_s = frozenset(items), since_s, until_s
        self._words = EventLog(lambda line: None, None)
        self._places = 0
        self._asked = 0
        self._untold: dict[int, list[ToldEvent]] = {}
        """The events of requests that have no answer yet: those of a hit are dropped with it."""
        self._open: dict[int, RequestSpan] = {}
        self._at_work: set[int] = set()
        """The open requests whose code asked for a lock or the origin."""
        self._reads: dict[int, LoadSpan] = {}
        self._waiting: dict[tuple[str, int], LockWait] = {}
        self._held: dict[int, LockSpan] = {}
        self._timed_out: set[tuple[str, int]] = set()
        self.loads: list[LoadSpan] = []
        self.locks: list[LockSpan] = []
        self.waits: list[LockWait] = []
        self.requests: list[RequestSpan] = []
        self.moments: list[TimelineMoment] = []
        self.told: list[ToldEvent] = []
        self.hits: list[tuple[str, float]] = []
        self.entries: dict[int, list[HeldEntry]] = defaultdict(list)
        self.pods: list[str] = []
        self.ended_s = 0.0
        seen: dict[type, Callable[[Any], None]] = {
            events.RequestArrived: self._arrived,
            events.RequestAnswered: self._answered,
            events.RequestFailed: self._failed,
            events.EntryRead: self._read,
            events.EntryStored: self._stored,
            events.EntryDeleted: self._deleted,
            events.RedisFlushed: self._flushed,
            events.LockAsked: self._lock_asked,
            events.LockRenewed: self._renewed,
            events.LockReleased: self._released,
            events.LockEvicted: lambda event: self._unlock(_item(event.key), "evicted"),
            events.WaiterTimedOut: lambda event: self._timed_out.add((event.pod, _item(event.key))),
            events.ListenerLooked: self._looked,
            events.OriginAsked: self._origin_asked,
            events.OriginAnswered: lambda event: self._origin_ended(event, "answered"),
            events.OriginUnanswered: lambda event: self._origin_ended(event, f"nothing: {event.error!r}"),
            events.FaultBegan: self._fault_began,
            events.FaultEnded: lambda event: self._note("end", None, "", f"ends: {event.fault}"),
        }
        kinds = [*seen, *(kind for kind in self._words.sentences if kind not in seen)]
        self.handlers: events.Handlers = {ClusterReady: self._begin} | {
            kind: partial(self._take, kind, seen.get(kind)) for kind in kinds
        }

    def _begin(self, event: ClusterReady) -> None:
        self._cluster = event.cluster
        self.pods = [f"pod-{number + 1}" for number in range(event.cluster.scenario.pods)]
        self._words.begin(event)

    @property
    def _now_s(self) -> float:
        return self._cluster.clock.now_s()

    def _take(self, kind: type, see: Callable[[Any], None] | None, event: Any) -> None:
        item = event.item_id if hasattr(event, "item_id") else _item(event.key) if hasattr(event, "key") else None
        if self._now_s > self._until_s or (item not in self._items and item not in (None, -1)):
            return
        self.ended_s = self._now_s
        if kind is events.RequestArrived:
            self._asked += 1
            _request.set(self._asked)
        if (sentence := self._words.sentences.get(kind)) is not None and self._now_s >= self._since_s:
            self._tell(getattr(event, "pod", ""), sentence(event))
        if see is not None:
            see(event)

    def _tell(self, pod: str, what: str) -> None:
        request = _request.get()
        self._places += 1
        told = ToldEvent(self._now_s, pod, what, request, self._places)
        if request is not None and (request in self._open or request == self._asked not in self._open):
            self._untold.setdefault(request, []).append(told)
        else:
            self.told.append(told)

    def _arrived(self, event: events.RequestArrived) -> None:
        number = self._asked
        self._open[number] = RequestSpan(number, event.pod, event.item_id, self._now_s)

    def _answered(self, event: events.RequestAnswered) -> None:
        answer = event.answer
        age = "" if answer.age_s is None else f", {answer.age_s:.3f} s old"
        is_at_once = answer.status in FROM_THE_CACHE and _request.get() not in self._at_work
        self._close(f"{answer.code} {answer.status}{age}", is_at_once)

    def _failed(self, event: events.RequestFailed) -> None:
        self._close(f"no answer: {event.error!r}", False)

    def _close(self, said: str, is_at_once: bool) -> None:
        number = _request.get()
        if number is None or (span := self._open.pop(number, None)) is None:
            return
        self._at_work.discard(number)
        told = self._untold.pop(number, [])
        if is_at_once:
            self.hits.append((span.pod, self._now_s))
            return
        span.ended_s, span.said = self._now_s, said
        self.requests.append(span)
        self.told += told

    def _read(self, event: events.EntryRead) -> None:
        span = self._open.get(_request.get() or 0)
        if span is not None and not span.found and _is_of_entry(event.key):
            span.found = "nothing" if event.entry is None else "an entry"

    def _stored(self, event: events.EntryStored) -> None:
        item = _item(event.key)
        if not _is_of_entry(event.key):
            return
        if not event.is_stored:
            self._note("refused", item, event.pod, f"{event.pod}'s write of item {item} is refused")
            return
        ahead_s = self._cluster.redis.now_s() - self._now_s
        self._expire(item)
        self.entries[item].append(HeldEntry(self._now_s, event.pod, event.entry.fresh_until_s - ahead_s))
        notified = "" if event.token is None else ", releases the lock and notifies who waits"
        self._note("store", item, event.pod, f"{event.pod} stores item {item}{notified}")
        if event.token is not None:
            self._unlock(item, "released by the store")

    def _expire(self, item: int) -> None:
        """Note that the entry has expired, where it has."""
        if (held := self.entries[item]) and not held[-1].dropped and held[-1].expires_s <= self._now_s:
            self._note_at(held[-1].expires_s, "expiry", item, "", f"the entry of item {item} expires")

    def _deleted(self, event: events.EntryDeleted) -> None:
        if _is_of_entry(event.key):
            self._drop(_item(event.key), "deleted")
        else:
            self._unlock(_item(event.key), "deleted")

    def _drop(self, item: int, how: str) -> None:
        self._expire(item)
        self.entries[item].append(HeldEntry(self._now_s, "", -math.inf, how))
        self._unlock(item, how)
        self._note("delete", item, "", f"the entry of item {item} is {how}")

    def _flushed(self, event: events.RedisFlushed) -> None:
        for item in sorted(self._items):
            self._drop(item, "flushed")

    def _lock_asked(self, event: events.LockAsked) -> None:
        item, now_s = _item(event.key), self._now_s
        place = event.pod, item
        self._work()
        if event.is_granted:
            self._unlock(item, "the lease ended")
            self._held[item] = lock = LockSpan(event.pod, item, event.token, now_s, now_s + event.lease_ms / 1000)
            self.locks.append(lock)
            self._end_wait(place, "it took the lock")
        elif place not in self._waiting:
            self._waiting[place] = wait = LockWait(event.pod, item, now_s, self._held.get(item))
            self.waits.append(wait)

    def _work(self) -> None:
        if (number := _request.get()) in self._open and number is not None:
            self._at_work.add(number)

    def _end_wait(self, place: tuple[str, int], how: str) -> None:
        if (wait := self._waiting.pop(place, None)) is not None:
            wait.until_s, wait.end = self._now_s, how

    def _renewed(self, event: events.LockRenewed) -> None:
        held = self._held.get(_item(event.key))
        if event.is_renewed and held is not None and held.token == event.token:
            held.lease_until_s = self._now_s + event.lease_ms / 1000

    def _released(self, event: events.LockReleased) -> None:
        if event.is_released:
            self._unlock(_item(event.key), "released")

    def _unlock(self, item: int, how: str) -> None:
        if (held := self._held.pop(item, None)) is not None and self._now_s < held.lease_until_s:
            held.released_s, held.end = self._now_s, how

    def _looked(self, event: events.ListenerLooked) -> None:
        place = event.pod, _item(event.key)
        wait = self._waiting.get(place)
        is_poll = place in self._timed_out
        self._timed_out.discard(place)
        if wait is None:
            return
        wait.wakes.append((self._now_s, POLL if is_poll else NOTIFICATION))
        held = self.entries[place[1]]
        if held and held[-1].at_s >= wait.since_s and held[-1].expires_s > self._now_s:
            self._end_wait(place, "the entry was there")

    def _origin_asked(self, event: events.OriginAsked) -> None:
        self._work()
        span = LoadSpan(event.pod, event.item_id, str(event.reason), self._now_s, _request.get())
        self._reads[id(span)] = span
        self.loads.append(span)

    def _origin_ended(self, event: events.OriginAnswered | events.OriginUnanswered, outcome: str) -> None:
        mine = [span for span in self._reads.values() if (span.pod, span.item) == (event.pod, event.item_id)]
        asked_s = getattr(event, "asked_s", None)
        if asked_s is not None:
            mine = [span for span in mine if span.began_s == asked_s]
        if of_request := [span for span in mine if span.request == _request.get()]:
            mine = of_request
        if mine:
            self._end_load(mine[0], outcome)

    def _end_load(self, span: LoadSpan, outcome: str) -> None:
        del self._reads[id(span)]
        span.ended_s, span.outcome = self._now_s, outcome

    def _fault_began(self, event: events.FaultBegan) -> None:
        fault = event.fault
        self._note("fault", None, f"pod-{fault.pod + 1}" if hasattr(fault, "pod") else "", f"fault: {fault}")
        if isinstance(fault, PodKilled):
            name = f"pod-{fault.pod + 1}"
            for span in [span for span in self._reads.values() if span.pod == name]:
                self._end_load(span, "cut off, because its pod was killed")
            for place in [place for place in self._waiting if place[0] == name]:
                self._end_wait(place, "its pod was killed")

    def _note(self, kind: str, item: int | None, pod: str, what: str) -> None:
        self._note_at(self._now_s, kind, item, pod, what)

    def _note_at(self, at_s: float, kind: str, item: int | None, pod: str, what: str) -> None:
        self.moments.append(TimelineMoment(at_s, kind, item, pod, what))

    def end(self, violation: Violation | None) -> None:
        """End the timeline, once the run is over, with the violation where there is one up to then."""
        for item in sorted(self._items):
            if self.entries.get(item) and self.entries[item][-1].expires_s <= self.ended_s:
                last = self.entries[item][-1]
                if not last.dropped:
                    self._note_at(last.expires_s, "expiry", item, "", f"the entry of item {item} expires")
        for held in self._held.values():
            if held.lease_until_s > self.ended_s:
                held.lease_until_s, held.end = math.inf, "held at the end"
        for number, span in self._open.items():
            self.requests.append(span)
            self.told += self._untold.pop(number, [])
        self.told.sort(key=lambda told: told.place)
        if violation is not None and violation.at_s <= self._until_s:
            what = f"VIOLATION of {violation.invariant}: {violation.what}"
            self._note_at(violation.at_s, "violation", None, "", what)
            self.told.append(ToldEvent(violation.at_s, "", what, None, self._places + 1))
        self.moments.sort(key=lambda moment: moment.at_s)
        self.requests.sort(key=lambda request: request.number)


def _item(key: str) -> int:
    """The item that a key is about, as in `lab:name:7` and in `lab:name:7:lock`; -1 where it is about none."""
    return next((int(part) for part in reversed(key.split(":")) if part.isascii() and part.isdecimal()), -1)


def _is_of_entry(key: str) -> bool:
    """Whether a key is an item's entry, and no other key that a strategy keeps beside it."""
    return key.rpartition(":")[2] == str(_item(key))
