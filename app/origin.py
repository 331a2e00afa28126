"""The origin: one bounded pool of connections to the slow store for each strategy.

A read holds its connection for as long as it takes. So the capacity is exactly connections / latency, and reads queue
as they do at a real database. The same pool stands before SQLite and before virtual time's store.

Pods may share connections, fewer than each has for itself. Then a read needs two: it takes one of its pod's, and with
it queues for a shared one.
"""

import asyncio
import logging
from collections import deque
from functools import partial
from random import Random
from typing import Protocol

from app.deadlines import Deadlines
from app.item import Found, ItemForm, dated
from app.latency import Latency
from app.ledger import AskedRead, ReadOutcome
from app.nets.refusals import QueueFull
from app.peak import Peak
from app.pooler import Permit
from app.settings import Settings
from app.strategy import Clock, Loaded, LoadReason, OriginFailed, Shed
from app.tasks import Tasks

log = logging.getLogger(__name__)


class Store(Protocol):
    """The store that holds the items: SQLite in the service, simulated in virtual time."""

    def select(self, item_id: int, latency_ms: float) -> asyncio.Future[Found]:
        """Begin to read an item, which takes `latency_ms`. The future raises `OriginFailed`; cancelling it ends it."""
        ...

    async def aclose(self) -> None: ...


class Shared(Protocol):
    """The connections to the store that all pods share, handed out by a pooler."""

    @property
    def size(self) -> int: ...

    @property
    def why_away(self) -> str:
        """The reason why no connection is handed out at the moment; empty where they are."""
        ...

    async def acquire(self) -> Permit:
        """A permit for a connection, its number to be given to `release`. A caller that is cancelled holds none."""
        ...

    def release(self, number: int) -> None: ...

    async def aclose(self) -> None: ...


class Book(Protocol):
    """A record of reads, each written once, when it has ended or was shed: the ledger in the service."""

    def write(self, read: AskedRead) -> None: ...


class OriginEvents(Protocol):
    """The observer of an origin's reads: its metrics in the service."""

    def origin_asked(self, read: AskedRead, again: bool) -> None:
        """A read was asked for; `again` where a caller in this pod already waits for one of the same key."""
        ...

    def origin_shed(self, read: AskedRead, error: Shed) -> None: ...

    def origin_started(self, read: AskedRead) -> None:
        """A read has got its connection."""
        ...

    def origin_failed(self, read: AskedRead, error: BaseException) -> None:
        """The store gave no answer, or none in time; reported once for each read."""
        ...

    def origin_ended(self, read: AskedRead, duration_s: float) -> None:
        """A started read has ended, `duration_s` after it was asked for."""
        ...

    def task_died(self, task: str) -> None: ...


class _PooledRead(AskedRead):
    """A read in the pool, with the answer that its caller waits for."""

    answer: asyncio.Future[Loaded]
    started_monotonic_s: float
    taking: asyncio.Task[None] | None = None  # it queues for a connection that pods share
    permit: Permit | None = None  # for that connection


class Origin:
    """One strategy's pool of connections to the store. It counts, limits, times and records every read."""

    def __init__(
        self,
        settings: Settings,
        strategy: str,
        clock: Clock,
        ledger: Book,
        store: Store,
        events: OriginEvents,
        shared: Shared | None = None,
    ) -> None:
        self._settings = settings
        self._strategy = strategy
        self._clock = clock
        self._ledger = ledger
        self._store = store
        self._events = events
        self._item = ItemForm(settings.change_every_s, settings.negative_ttl_s)
        self._draw_ms = Latency.parse(settings.origin_latency).draw_ms
        self._slowdown = settings.origin_slowdown
        self._rng = Random(f"{settings.seed}/{settings.pod}/{strategy}/latency")
        self._shared = shared
        self._tasks = Tasks(events.task_died)
        self._timeout_s = settings.origin_timeout_ms / 1000
        self._deadlines = Deadlines(self._timeout_s, self._be_late)
        self._awaited: dict[str, int] = {}
        """Callers that wait for a read, by key: at most as many keys as there are reads under way."""
        self.connections = self._free = settings.origin_connections
        self.connections_shared = None if shared is None else shared.size
        queue_max = settings.origin_queue_max if settings.nets.queue_max is None else settings.nets.queue_max
        self._reads_max = settings.origin_connections + queue_max
        self._pace_s = Latency.parse(settings.origin_latency).mean_ms / 1000 / self.connections
        """The mean time from one end of a read to the next, while every connection is in use."""
        self._queue: deque[_PooledRead] = deque()
        self._under_way: dict[_PooledRead, asyncio.Future[Found]] = {}
        self.reading = 0
        self.waiting = 0
        self._peak = Peak()

    @property
    def peak(self) -> int:
        """The most reads at once, waiting ones too, in this second and the one before it."""
        self._see_peak()  # reads that neither begin nor end in a second are under way in it too
        return self._peak.value(self._clock.monotonic_s())

    def _see_peak(self) -> None:
        self._peak.saw(self.reading + self.waiting, self._clock.monotonic_s())

    async def aclose(self) -> None:
        """Cancel every read, and close the connections."""
        self._deadlines.close()
        while self._queue:
            self.waiting -= 1
            self._queue.popleft().answer.cancel()
        await self._tasks.aclose()
        for found in self._under_way.values():
            found.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way.values())
        if self._shared is not None:
            await self._shared.aclose()
        await self._store.aclose()

    async def read(self, item_id: int, key: str, reason: LoadReason) -> Loaded:
        """Read an item through the pool. Raises `OriginFailed` or `Shed`.

        The read goes on to its end when its caller is cancelled, as a query does. A late read leaves only the queue for
        connections that pods share.
        """
        clock, awaited = self._clock, self._awaited
        asked_monotonic_s = clock.monotonic_s()
        read = _PooledRead(item_id, key, self._strategy, self._settings.pod, reason, clock.now_s(), asked_monotonic_s)
        before = awaited.get(key, 0)
        self._events.origin_asked(read, again=before > 0)
        at_once = self.reading + self.waiting
        if at_once >= self._reads_max:
            shed = QueueFull(self.waiting, (self.waiting + 1) * self._pace_s)
            self._events.origin_shed(read, shed)
            self._end(read, ReadOutcome.SHED)
            raise shed
        read.answer = asyncio.get_running_loop().create_future()
        self._peak.saw(at_once + 1, asked_monotonic_s)
        self.waiting += 1
        if not self._free:
            self._queue.append(read)
        elif self._shared is None:
            self._free -= 1
            self._begin(read)
        else:
            self._take_connection(read)
        awaited[key] = before + 1
        self._deadlines.begin(read)
        try:
            return await read.answer
        finally:
            self._deadlines.end(read)
            if left := awaited[key] - 1:
                awaited[key] = left
            else:
                del awaited[key]

    def _be_late(self, read: _PooledRead) -> None:
        """Tell the caller of a read that there was no answer in time; the read goes on, unless it still queues."""
        if read.answer.done():
            return
        read.is_late = True
        late = f"within {self._timeout_s:g} s (origin_timeout_ms)"
        failed = OriginFailed(f"no answer {late}")
        if read.taking is not None:
            read.taking.cancel()
            failed = OriginFailed(f"none of the connections that pods share {late}{self._away()}")
        self._events.origin_failed(read, failed)
        read.answer.set_exception(failed)

    def _take_connection(self, read: _PooledRead) -> None:
        """Begin a read, for which its pod has a free connection; where pods share, it queues for one of those too."""
        self._free -= 1
        if self._shared is None:
            self._begin(read)
        elif read.is_late:
            self._leave_queue(read)
        else:
            read.taking = self._tasks.spawn(self._take_shared(self._shared, read), "read", read.key)

    async def _take_shared(self, shared: Shared, read: _PooledRead) -> None:
        try:
            read.permit = await shared.acquire()
        except BaseException as error:
            self._leave_queue(read, error)
            raise
        else:
            read.taking = None
            self._begin(read)

    def _leave_queue(self, read: _PooledRead, error: BaseException | None = None) -> None:
        """Give up a read that has a connection of its pod's and gets none of those that pods share."""
        read.taking = None
        self.waiting -= 1
        if read.is_late:  # else its pod ends
            self._end(read, ReadOutcome.FAILED)
        elif error is None or isinstance(error, asyncio.CancelledError):
            read.answer.cancel()
        elif not read.answer.done():
            read.answer.set_exception(error)
        self._give_connection_back()

    def _begin(self, read: _PooledRead) -> None:
        self.waiting -= 1
        self.reading += 1
        clock = self._clock
        read.started_s, read.started_monotonic_s = clock.now_s(), clock.monotonic_s()
        self._events.origin_started(read)
        latency_ms = self._draw_ms(self._rng)
        if self._slowdown is not None:
            latency_ms *= self._slowdown.times(self.reading if read.permit is None else read.permit.in_use)
        self._under_way[read] = found = self._store.select(read.item_id, latency_ms)
        found.add_done_callback(partial(self._finish, read))

    def _finish(self, read: _PooledRead, found: asyncio.Future[Found]) -> None:
        """Record a read that has ended, answer its caller, and pass its connections on."""
        del self._under_way[read]
        now_s, monotonic_s = self._clock.now_s(), self._clock.monotonic_s()
        answer, outcome = read.answer, ReadOutcome.FAILED
        loaded: Loaded | None = None
        error: BaseException | None = None
        try:
            item = found.result()
            outcome = ReadOutcome.OK
            lasted_s, cost_s = monotonic_s - read.started_monotonic_s, monotonic_s - read.asked_monotonic_s
            read_at_s = dated(read.started_s, now_s, lasted_s)
            read.loaded = loaded = self._item.loaded(read.item_id, item, read_at_s, cost_s)
        except BaseException as raised:
            error = raised
            if outcome is ReadOutcome.FAILED and not read.is_late:
                self._events.origin_failed(read, error)
        self._events.origin_ended(read, monotonic_s - read.asked_monotonic_s)
        self._peak.saw(self.reading + self.waiting, monotonic_s)
        self.reading -= 1
        read.outcome, read.ended_s = outcome, now_s
        self._ledger.write(read)  # before the next read has its connection
        if read.permit is not None and self._shared is not None:
            self._shared.release(read.permit.number)
        self._give_connection_back()
        if loaded is not None:
            if not answer.done():
                answer.set_result(loaded)
        elif error is not None:
            self._answer_with(read, error)

    def _answer_with(self, read: _PooledRead, error: BaseException) -> None:
        """Raise the error in the caller, if it still waits; one that is a fault of the lab's is logged and counted."""
        if isinstance(error, asyncio.CancelledError):
            read.answer.cancel()
            return
        if not isinstance(error, OriginFailed):
            log.error("the read of %s died", read.key, exc_info=error)
            self._events.task_died("read")
        if not read.answer.done():
            read.answer.set_exception(error)

    def _give_connection_back(self) -> None:
        self._free += 1
        while self._queue and self._free:
            self._take_connection(self._queue.popleft())

    def _away(self) -> str:
        reason = "" if self._shared is None else self._shared.why_away
        return f": their pooler is away ({reason})" if reason else ""

    def _end(self, read: AskedRead, outcome: ReadOutcome) -> None:
        read.outcome, read.ended_s = outcome, self._clock.now_s()
        self._ledger.write(read)
