"""Typed events of a simulated cluster, and the observers that subscribe to them.

Pods are named in events as in records: `pod-1`. An event that costs a hit is made only where an observer hears it.
Each chunk of answers (`loadtest.figures.records.Answers`) is an event too.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from app.nets.nets import Net
from app.peers.peers import PeerOutcome
from app.strategy import CacheAway, Entry, Loaded, LoadReason
from app.strategy_runner import Answer
from loadtest.figures.failures import Kind
from loadtest.sim.cluster.clients import Ask
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.workload.faults import Fault, Lasting

Handlers = Mapping[type, Callable[[Any], None]]


class Observer(Protocol):
    """A subscriber of events; it may not wait, so that an observed run is the same run."""

    @property
    def handlers(self) -> Handlers:
        """The handlers of events, by the events' type."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An observer that consists of its handlers."""

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
        """Whether any of these types has a subscriber; asked once, when a part of the cluster is made."""
        return any(self._handlers.get(kind) for kind in kinds)

    def emit(self, event: object) -> None:
        for handle in self._handlers.get(type(event), ()):
            handle(event)


class LoadBegan(NamedTuple):
    """The load begins: the first request is due from now on."""


class LoadEnded(NamedTuple):
    """Every request of the load has its last answer."""


class FaultBegan(NamedTuple):
    """A fault of the scenario begins."""

    fault: Fault


class FaultEnded(NamedTuple):
    """A fault of the scenario ends."""

    fault: Lasting


class RedisFlushed(NamedTuple):
    """Redis dropped every entry and every lock."""


class RequestArrived(NamedTuple):
    """A pod receives a request for an item."""

    pod: str
    item_id: int


class RequestAnswered(NamedTuple):
    """A pod answers a request."""

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


class RetryGranted(NamedTuple):
    """A client is to try again, after so many requests of all clients have been sent."""

    attempt: int
    """The number of the attempt to come: 2 for the first retry."""
    requests: int


class AnswerWrong(NamedTuple):
    """A client finds fault with an answer's content; `is_broken` where no age or clock explains it."""

    pod: str
    item_id: int
    fault: str
    is_broken: bool


class EntryRead(NamedTuple):
    """Redis has executed GET."""

    pod: str
    key: str
    entry: Entry | None


class EntryStored(NamedTuple):
    """Redis has executed SET, or with a `token` the fenced PUT, which also releases the lock and notifies."""

    pod: str
    key: str
    entry: Entry
    until_ms: int
    token: str | None
    is_stored: bool
    kept_until_s: float | None
    """The end of the entry's storage, by Redis's clock; None where nothing is stored."""


class LockEvicted(NamedTuple):
    """Redis has evicted the lock of a key, or its mark, because there was no room."""

    key: str


class EntryDeleted(NamedTuple):
    """Redis has executed DELETE, which also ends the lock and notifies."""

    pod: str
    key: str
    was_there: bool


class CountsDropped(NamedTuple):
    """A pod could not count so many accesses."""

    pod: str
    accesses: int


class LockAsked(NamedTuple):
    """Redis has executed LOCK."""

    pod: str
    key: str
    token: str
    lease_ms: int
    is_granted: bool


class LockRenewed(NamedTuple):
    """Redis has executed RENEW."""

    pod: str
    key: str
    token: str
    lease_ms: int
    is_renewed: bool


class LockReleased(NamedTuple):
    """Redis has executed UNLOCK."""

    pod: str
    key: str
    token: str
    is_released: bool


class KeyMarked(NamedTuple):
    """Redis has put the mark of a failed load in the place of its lock."""

    pod: str
    key: str
    for_ms: int


class MarkRead(NamedTuple):
    """Redis has answered LOCK with the mark of a failed load, which has `rest_s` to go."""

    pod: str
    key: str
    rest_s: float


class NetActed(NamedTuple):
    """A net had a part in an answer of a pod."""

    pod: str
    net: Net


class CommandBroken(NamedTuple):
    """A command was lost or refused at Redis."""

    pod: str
    command: str
    error: CacheAway


class CommandsChanged(NamedTuple):
    """A pod's commands to Redis begin to be executed at once, or to take time or fail."""

    pod: str
    are_direct: bool


class WriteTook(NamedTuple):
    """A pod's write has ended after some time, with or without success."""

    pod: str
    seconds: float


class NotificationsMissed(NamedTuple):
    """A pod has missed notifications: it was cut off or paused, or is back."""

    pod: str
    is_deaf: bool
    """Whether the pod's waiters still hear nothing."""


class WaiterTimedOut(NamedTuple):
    """A waiter for an entry has woken without a notification."""

    pod: str
    key: str


class ListenerLooked(NamedTuple):
    """A pod that listens for an entry has looked for it."""

    pod: str
    key: str


class OriginAsked(NamedTuple):
    """A pod asks the origin; the `read` is filled in until it has ended."""

    pod: str
    item_id: int
    key: str
    reason: LoadReason
    read: OpenRead


class OriginAnswered(NamedTuple):
    """The origin answers a read that was asked for at `asked_s`."""

    pod: str
    item_id: int
    asked_s: float
    loaded: Loaded


class OriginUnanswered(NamedTuple):
    """A pod got no item from the origin: the read failed, was late or was shed, as `error` says."""

    pod: str
    item_id: int
    error: BaseException


class PeerAsked(NamedTuple):
    """A question of a pod to another one has ended."""

    pod: str
    outcome: PeerOutcome


class StoreReadBegan(NamedTuple):
    """A read of the store begins, with `at_once` under way in all pods together."""

    at_once: int


class RedisLeftAlone(NamedTuple):
    """A pod takes Redis for away, and leaves it alone for a while."""

    pod: str


class LoopLate(NamedTuple):
    """A pod's loop notices something later than anything before, by so many seconds."""

    pod: str
    seconds: float


class FailureCounted(NamedTuple):
    """A pod counts a failure, as its metrics would; `what` is the command concerned."""

    kind: Kind
    what: str
