"""Typed events of a simulated cluster, and the observers that subscribe to them.

Pods are named in events as in records: `pod-1`. An event that costs a hit is made only where an observer hears it.
Each chunk of answers (`loadtest.figures.records.Answers`) is an event too.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from app.strategy import CacheAway, Entry, Loaded, LoadReason
from app.strategy_runner import Answer
from loadtest.figures.failures import Kind
from loadtest.sim.cluster.clients import Ask
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.workload.faults import Fault, Lasting

Handlers = Mapping[type, Callable[[Any], None]]


class Observer(Protocol):
    """A listener to events. It may not wait for anything, so that a run that is observed is the same run."""

    @property
    def handlers(self) -> Handlers:
        """The functions that are called with each event, by its type."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An observer that is nothing but its handlers."""

    handlers: Handlers


class Observers:
    """The subscriptions of one cluster."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._handlers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)
        for observer in observers:
            self.add(observer)

    def add(self, observer: Observer) -> None:
        for kind, handle in observer.handlers.items():
            self._handlers[kind].append(handle)

    def hear(self, *kinds: type) -> bool:
        """Whether any of them is subscribed to; asked once, when a part of the cluster is made."""
        return any(self._handlers.get(kind) for kind in kinds)

    def emit(self, event: object) -> None:
        for handle in self._handlers.get(type(event), ()):
            handle(event)


class LoadBegan(NamedTuple):
    """The first request is due from now on."""


class FaultBegan(NamedTuple):
    """A fault of the scenario begins."""

    fault: Fault


class FaultEnded(NamedTuple):
    """A fault of the scenario ends."""

    fault: Lasting


class RedisFlushed(NamedTuple):
    """Redis dropped every entry and every lock."""


class RequestArrived(NamedTuple):
    """A pod is asked for an item."""

    pod: str
    item_id: int


class RequestAnswered(NamedTuple):
    """A pod answers."""

    pod: str
    item_id: int
    answer: Answer


class RequestFailed(NamedTuple):
    """A request ends without an answer."""

    pod: str
    item_id: int
    error: BaseException


class AnswerSent(NamedTuple):
    """An answer of the load leaves its pod, or a request of it is lost there."""

    pod: str
    ask: Ask
    answer: Answer


class AnswerWrong(NamedTuple):
    """A client finds fault with the content of an answer. `is_broken`: no age or clock explains it."""

    pod: str
    item_id: int
    fault: str
    is_broken: bool


class EntryRead(NamedTuple):
    """Redis executed GET."""

    pod: str
    key: str
    entry: Entry | None


class EntryStored(NamedTuple):
    """Redis executed SET, or with a `token` the fenced PUT, which also releases the lock and notifies about the
    entry."""

    pod: str
    key: str
    entry: Entry
    until_ms: int
    token: str | None
    is_stored: bool
    kept_until_s: float | None
    """By Redis's clock; None where there is nothing."""


class LockAsked(NamedTuple):
    """Redis executed LOCK."""

    pod: str
    key: str
    token: str
    lease_ms: int
    is_granted: bool


class LockRenewed(NamedTuple):
    """Redis executed RENEW."""

    pod: str
    key: str
    token: str
    lease_ms: int
    is_renewed: bool


class LockReleased(NamedTuple):
    """Redis executed UNLOCK."""

    pod: str
    key: str
    token: str
    is_released: bool


class CommandBroken(NamedTuple):
    """A command that reached Redis was lost or refused there."""

    pod: str
    command: str
    error: CacheAway


class WriteTook(NamedTuple):
    """A write of a pod has ended after some time, whether or not it went well."""

    pod: str
    seconds: float


class NotificationsMissed(NamedTuple):
    """A pod was cut off or paused, or is back: its waiters cannot have heard everything."""

    pod: str
    is_deaf: bool
    """Nor do they hear anything now."""


class WaiterTimedOut(NamedTuple):
    """A waiter for an entry woke by itself."""

    pod: str
    key: str


class OriginAsked(NamedTuple):
    """A pod asks the origin. The `read` is filled in until it has ended."""

    pod: str
    item_id: int
    key: str
    reason: LoadReason
    read: OpenRead


class OriginAnswered(NamedTuple):
    """The origin answers what it was asked at `asked_s`."""

    pod: str
    item_id: int
    asked_s: float
    loaded: Loaded


class OriginUnanswered(NamedTuple):
    """A pod got no item from the origin: the read failed, was late or was shed, as `error` says."""

    pod: str
    item_id: int
    error: BaseException


class StoreReadBegan(NamedTuple):
    """The store is being read by so many at once, in all pods together."""

    at_once: int


class FailureCounted(NamedTuple):
    """A pod counts a failure, as its metrics would; `what` is the command it is about."""

    kind: Kind
    what: str
