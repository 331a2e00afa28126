"""The event log: the events of a run as lines."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from app.strategy import Entry
from loadtest.sim.cluster import events
from loadtest.sim.cluster.cluster import Cluster, ClusterReady
from loadtest.sim.cluster.violation import Violation


class EventLog:
    """An observer that hands each event up to `until_s` to `take` as a line, and the violation at its place."""

    _cluster: Cluster

    def __init__(self, take: Callable[[str], None], violation: Violation | None, until_s: float = math.inf) -> None:
        self._take, self._until_s = take, until_s
        self._untold = violation if violation is not None and violation.at_s <= until_s else None
        sentences: dict[type, Callable[[Any], str]] = {
            events.LoadBegan: lambda event: "the load begins",
            events.FaultBegan: lambda event: f"fault: {event.fault}",
            events.FaultEnded: lambda event: f"ends: {event.fault}",
            events.RequestArrived: lambda event: f"is asked for {event.item_id}",
            events.RequestAnswered: _answered,
            events.RequestFailed: lambda event: f"does not answer for {event.item_id}: {event.error!r}",
            events.OriginAsked: lambda event: f"asks the origin for {event.item_id} ({event.reason})",
            events.OriginAnswered: _loaded,
            events.OriginUnanswered: lambda event: f"has nothing from the origin for {event.item_id}: {event.error!r}",
            events.CommandBroken: lambda event: f"{event.command.upper()}: {event.error}",
            events.RedisLeftAlone: lambda event: "leaves Redis alone",
            events.EntryRead: self._read,
            events.EntryStored: self._stored,
            events.EntryDeleted: lambda event: f"DEL {event.key}: {'dropped' if event.was_there else 'nothing'}",
            events.LockAsked: _locked,
            events.LockRenewed: _renewed,
            events.LockReleased: _released,
        }
        self.sentences = sentences
        """The function that puts an event into words, by its type; those of entries need a cluster, see `begin`."""
        self.handlers: events.Handlers = {ClusterReady: self.begin} | {
            kind: partial(self._tell, sentence) for kind, sentence in sentences.items()
        }

    def end(self) -> None:
        """Log the violation, where that is due, once the run is over."""
        if self._untold is not None:
            self._take(f"{self._untold.at_s:12.6f}  VIOLATION of {self._untold.invariant}: {self._untold.what}")
            self._untold = None

    def begin(self, event: ClusterReady) -> None:
        self._cluster = event.cluster

    def _tell(self, sentence: Callable[[Any], str], event: Any) -> None:
        now_s = self._cluster.clock.now_s()
        if self._untold is not None and now_s > self._untold.at_s:
            self.end()
        if now_s <= self._until_s:
            self._take(f"{now_s:12.6f}  {getattr(event, 'pod', ''):7} {sentence(event)}")

    def _read(self, event: events.EntryRead) -> str:
        return f"GET {event.key}: {'nothing' if event.entry is None else self._about(event.entry)}"

    def _stored(self, event: events.EntryStored) -> str:
        until = f"until {event.until_ms / 1000:.3f} s"
        if event.token is None:
            return f"SET {event.key} {until}: {'stored' if event.is_stored else 'REFUSED, full'}"
        said = "stored, lock released, waiters notified" if event.is_stored else "REFUSED"
        return f"PUT {event.key} {until} under {event.token}, {self._about(event.entry)}: {said}"

    def _about(self, entry: Entry) -> str:
        left_s = entry.fresh_until_s - self._cluster.redis.now_s()
        return f"read at {entry.read_at_s:.6f} s, {'fresh' if left_s > 0 else 'stale'} ({left_s:+.3f} s)"


def _answered(event: events.RequestAnswered) -> str:
    answer = event.answer
    age = "" if answer.age_s is None else f", {answer.age_s:.6f} s old"
    return f"answers for {event.item_id}: {answer.code} {answer.status}{age}"


def _locked(event: events.LockAsked) -> str:
    said = "granted" if event.is_granted else "refused"
    return f"LOCK {event.key} for {event.lease_ms} ms as {event.token}: {said}"


def _renewed(event: events.LockRenewed) -> str:
    said = "renewed" if event.is_renewed else "REFUSED"
    return f"RENEW {event.key} for {event.lease_ms} ms as {event.token}: {said}"


def _released(event: events.LockReleased) -> str:
    return f"UNLOCK {event.key} as {event.token}: {'released, notified' if event.is_released else 'not its lock'}"


def _loaded(event: events.OriginAnswered) -> str:
    return f"has {event.item_id} from the origin, read at {event.loaded.read_at_s:.6f} s"
