"""The origin: one bounded pool of connections to the slow store for each strategy.

A read holds its connection for as long as it takes. So the capacity is exactly connections / latency, and reads queue
as they do at a real database. The same pool stands before SQLite and before virtual time's store.

Pods may share connections, fewer than each has for itself. Then a read needs two: it takes one of its pod's, and with
it queues for a shared one.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Protocol

from app.latency import Latency
from app.ledger import AskedRead, ReadOutcome
from app.peak import Peak
from app.settings import Settings
from app.strategy import CLOCK_ERROR_S_MAX, Clock, Loaded, LoadReason, OriginFailed, Shed
from app.tasks import Tasks

_ENCODER = json.JSONEncoder(separators=(",", ":"))


class Store(Protocol):
    """The store that holds the items: SQLite in the service, simulated in virtual time."""

    async def select(self, item_id: int, latency_ms: float) -> tuple[str, int] | None:
        """Text and CRC-32 of an item, after `latency_ms`; None where there is no such item. Raises `OriginFailed`."""
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

    async def acquire(self) -> int:
        """The number of a connection, to be given to `release`. A caller that is cancelled holds none."""
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
        self._latency = Latency.parse(settings.origin_latency)
        self._rng = Random(f"{settings.seed}/{settings.pod}/{strategy}/latency")
        self._free = asyncio.Semaphore(settings.origin_connections)
        self._shared = shared
        self._tasks = Tasks(events.task_died)
        self._awaited: Counter[str] = Counter()
        """Callers that wait for a read, by key: at most as many keys as there are reads under way."""
        self.connections = settings.origin_connections
        self.connections_shared = None if shared is None else shared.size
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
        await self._tasks.aclose()
        if self._shared is not None:
            await self._shared.aclose()
        await self._store.aclose()

    async def read(self, item_id: int, key: str, reason: LoadReason) -> Loaded:
        """Read an item through the pool. Raises `OriginFailed` or `Shed`.

        The read goes on to its end when its caller is cancelled, as a query does. A late read leaves only the queue for
        connections that pods share.
        """
        now_s, monotonic_s = self._clock.now_s(), self._clock.monotonic_s()
        read = AskedRead(item_id, key, self._strategy, self._settings.pod, reason, now_s, monotonic_s)
        self._events.origin_asked(read, again=key in self._awaited)
        if self.reading + self.waiting >= self.connections + self._settings.origin_queue_max:
            shed = Shed(f"{self.waiting} reads wait for the origin (origin_queue_max)")
            self._events.origin_shed(read, shed)
            self._end(read, ReadOutcome.SHED)
            raise shed
        self.waiting += 1  # here and not in the task, which has not begun when the next caller looks
        self._see_peak()
        task = self._tasks.spawn(self._read(read), "read", key)
        timeout_s = self._settings.origin_timeout_ms / 1000
        with self._waiting_for(key):
            # no shield is needed: `wait` never cancels what it waits for
            done, _ = await asyncio.wait({task}, timeout=timeout_s)
        if not done:
            read.is_late = True
            late = f"within {timeout_s:g} s (origin_timeout_ms)"
            failed = OriginFailed(f"no answer {late}")
            if read.is_queueing:
                task.cancel()
                failed = OriginFailed(f"none of the connections that pods share {late}{self._away()}")
            self._events.origin_failed(read, failed)
            raise failed
        return task.result()

    @contextmanager
    def _waiting_for(self, key: str) -> Iterator[None]:
        """Count a caller that waits for a read of `key`, so that a repeated read can be told from a first one."""
        self._awaited[key] += 1
        try:
            yield
        finally:
            self._awaited[key] -= 1
            if not self._awaited[key]:
                del self._awaited[key]

    async def _read(self, read: AskedRead) -> Loaded:
        permit = None
        try:
            await self._free.acquire()
            if self._shared is not None:
                permit = await self._one_of(self._shared, read)
        finally:
            self.waiting -= 1
        self.reading += 1
        read.started_s = started_s = self._clock.now_s()
        started_monotonic_s = self._clock.monotonic_s()
        self._events.origin_started(read)
        outcome = ReadOutcome.FAILED
        try:
            found = await self._store.select(read.item_id, self._latency.draw_ms(self._rng))
            outcome = ReadOutcome.OK
            read.loaded = self._loaded(read, found, self._dated(started_s, started_monotonic_s))
            return read.loaded
        except BaseException as error:
            if outcome is ReadOutcome.FAILED and not read.is_late:
                self._events.origin_failed(read, error)
            raise
        finally:
            self._events.origin_ended(read, self._clock.monotonic_s() - read.asked_monotonic_s)
            self._see_peak()
            self.reading -= 1
            self._end(read, outcome)  # before the next read has its connection
            if permit is not None and self._shared is not None:
                self._shared.release(permit)
            self._free.release()

    async def _one_of(self, shared: Shared, read: AskedRead) -> int:
        """The number of a connection that pods share, for a read that holds one of its pod's. Raises `OriginFailed`."""
        read.is_queueing = True
        try:
            if not read.is_late:
                return await shared.acquire()
            raise OriginFailed("its caller waits for it no longer")
        except BaseException:
            self._free.release()
            if read.is_late:  # else its pod ends
                self._end(read, ReadOutcome.FAILED)
            raise
        finally:
            read.is_queueing = False

    def _away(self) -> str:
        reason = "" if self._shared is None else self._shared.why_away
        return f": their pooler is away ({reason})" if reason else ""

    def _dated(self, started_s: float, started_monotonic_s: float) -> float:
        """The moment when the read began, seconds on the cache's clock: `started_s`, unless the clock was set since.

        Then it is the present by that clock, less what the read lasted by the monotonic one.
        """
        now_s, lasted_s = self._clock.now_s(), self._clock.monotonic_s() - started_monotonic_s
        return started_s if abs(now_s - started_s - lasted_s) <= CLOCK_ERROR_S_MAX else now_s - lasted_s

    def _end(self, read: AskedRead, outcome: ReadOutcome) -> None:
        read.outcome, read.ended_s = outcome, self._clock.now_s()
        self._ledger.write(read)

    def _loaded(self, read: AskedRead, found: tuple[str, int] | None, read_at_s: float) -> Loaded:
        """The item as JSON, ready to be sent.

        It is dated by the moment when the read began on its connection, however long the read took or the pod was
        paused.
        """
        cost_s = self._clock.monotonic_s() - read.asked_monotonic_s
        if found is None:
            absent = {"error": "absent", "reason": f"there is no item {read.item_id}"}
            keep_for_s_max = self._settings.negative_ttl_s
            return Loaded(json.dumps(absent).encode(), read_at_s, cost_s, absent=True, keep_for_s_max=keep_for_s_max)
        text, crc32 = found
        item = {
            "id": read.item_id,
            "version": int(read_at_s / self._settings.change_every_s),
            "read_at": round(read_at_s, 6),
            "crc32": crc32,
            "text": text,
        }
        return Loaded(_ENCODER.encode(item).encode(), read_at_s, cost_s)
