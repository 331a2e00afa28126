"""At most one load per key at a time: collapsing within a pod, a token lock between pods.

A flight is a task of the pod: it outlives the request that began it, and answers every request for the key. Between
pods the flights of a key compete for one lock with a lease. The winner looks again whether the entry has been stored
meanwhile, and loads. It stores under its token, in one step with the release: a holder that lost its lease cannot
overwrite a newer entry. The losers sleep until a notification comes, and poll slowly in case it was lost.

    collapse:  in flight here? ── yes ─> await it ──────────────────────────────────────────> collapsed
                    └─ no ─> lock? ── yes ─> still missing? ── yes ─> load, store ──────────> miss
                               │                   └─ no ─> unlock ─────────────────────────> collapsed
                               └─ no ─> sleep until notified or poll ─> there? ── yes ──────> collapsed
                                                                          └─ no ─> lock? …

`collapse_in_pod` is the same without the lock: each pod loads and stores for itself, so P pods may load P times.

A delete of the key in mid-load ends the lock, so what the load brings is not stored. It answers the requests that came
before it began. Those that joined later may have come after the delete: they fly once more, and only once, as that
flight begins after they came. Whoever comes when the pod has heard of the delete joins a new flight at once.

A load that fails leaves a mark in the place of its lock for a moment. So the losers in all pods fail with it, instead
of leading one after the other into the same failure.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Protocol

from app import budget
from app.deadlines import Deadlines
from app.leases import Leases
from app.nets.failure_marks import FailureMarks
from app.nets.refusals import BreakerOpen, LoadJustFailed
from app.nets.seam import NetCache
from app.strategy import (
    CacheAway,
    Clock,
    Entry,
    Loaded,
    Loader,
    LoadReason,
    Lookup,
    Notification,
    OriginFailed,
    Shed,
    Status,
)
from app.tasks import Tasks

log = logging.getLogger(__name__)


class FlightEvents(Protocol):
    """The observer of flights: the strategy runner's metrics in the service."""

    def lock_asked(self, taken: bool) -> None: ...

    def lock_waited(self, seconds: float) -> None: ...

    def write_refused(self) -> None:
        """A lease was lost, or the cache is full. A write that a delete forestalls is as it should be, and no event."""
        ...

    def load_unstored(self) -> None:
        """A load goes on without the cache, which is away, late or full of work: what it brings is not stored."""
        ...


@dataclass(frozen=True, slots=True)
class FlightBounds:
    """The bounds of flights, from the settings of the same names, with times in seconds."""

    lease_s: float
    wait_s_max: float
    poll_s: float
    refresh_pause_s: float
    flights_max: int
    failure_mark_s: float = 0.0


@dataclass(slots=True, eq=False)
class _Job:
    """One key to be loaded, with the loader, the reason and the times of its entry."""

    key: str
    load: Loader
    reason: LoadReason
    seen: Entry | None  # the entry that was judged not good enough; None on a miss
    fresh_for_s: float
    keep_for_s: float | None

    def is_done_by(self, entry: Entry | None, now_s: float) -> bool:
        """Whether `entry` is what the job was to bring: fresh, and not the one that it is to replace."""
        return (
            entry is not None
            and entry.is_fresh(now_s)
            and (self.seen is None or entry.read_at_s != self.seen.read_at_s)
        )


class _Flight:
    """A flight under way, with the answers that requests wait for: at most as many as there are requests."""

    __slots__ = ("answers", "deletions", "early", "heard", "job")

    def __init__(self, job: _Job) -> None:
        self.job = job
        self.answers: list[asyncio.Future[Lookup | None]] = []
        """The answers in the order of coming; None tells a request to fly once more."""
        self.early = self.deletions = 0
        """The number of those that came before the load began, and of the deletes that were heard of by then."""
        self.heard: Notification | None = None
        """The news of the key since the load began; None once the load is stored under a valid lock."""

    def loads(self, heard: Notification) -> None:
        """Note that the load begins."""
        self.heard, self.early, self.deletions = heard, len(self.answers), heard.deletions

    @property
    def is_overtaken(self) -> bool:
        """Whether the key was deleted in mid-load, so that what comes is no answer to a request of afterwards."""
        return self.heard is not None and self.heard.deletions > self.deletions


_Way = Callable[[_Flight], Coroutine[Any, Any, Lookup]]
"""The way of a flight: under the key's lock and stored, without a lock and stored, or without the cache."""


class _Wait:
    """A request that waits for a flight, or for one after another."""

    __slots__ = ("answer",)
    answer: asyncio.Future[Lookup | None]


class PodFlights:
    """The flights of one strategy in one pod. Implements `app.strategy.Flights`."""

    def __init__(
        self,
        cache: NetCache,
        clock: Clock,
        rng: Random,
        tasks: Tasks,
        bounds: FlightBounds,
        events: FlightEvents,
        instance_id: str = "",
    ) -> None:
        """`instance_id` makes the tokens of this process unlike those of any other with the same seed."""
        self._cache = cache
        self._clock = clock
        self._rng = rng
        self._tasks = tasks
        self._bounds = bounds
        self._events = events
        self._instance_id = instance_id
        self._in_flight: dict[str, _Flight] = {}
        self._flying = 0
        """Flights that have not landed: those that a delete has overtaken, too, which are in the map no longer."""
        self._waits = Deadlines(bounds.wait_s_max, self._give_up)
        self._leases = Leases(cache, tasks, bounds.lease_s)
        self._refresh_not_before_s: dict[str, float] = {}
        self.marks = FailureMarks(bounds.flights_max, clock.monotonic_s)

    def __len__(self) -> int:
        """Keys in flight in this pod."""
        return len(self._in_flight)

    async def collapse(self, key: str, load: Loader, fresh_for_s: float, keep_for_s: float | None = None) -> Lookup:
        return await self._join(_Job(key, load, LoadReason.MISS, None, fresh_for_s, keep_for_s), self._fly)

    async def collapse_in_pod(
        self, key: str, load: Loader, fresh_for_s: float, keep_for_s: float | None = None
    ) -> Lookup:
        return await self._join(_Job(key, load, LoadReason.MISS, None, fresh_for_s, keep_for_s), self._load_and_store)

    async def collapse_here(self, key: str, load: Loader) -> Lookup:
        """Load without the cache, collapsed in this pod only: the way of requests while the cache is away."""
        return await self._join(_Job(key, load, LoadReason.MISS, None, 0.0, None), self._load_unstored)

    def refresh(
        self,
        key: str,
        load: Loader,
        reason: LoadReason,
        seen: Entry,
        fresh_for_s: float,
        keep_for_s: float | None = None,
    ) -> None:
        if key in self._in_flight or self._flying >= self._bounds.flights_max:
            return
        if asyncio.get_running_loop().time() < self._refresh_not_before_s.get(key, 0.0) or self.marks.rest_s(key):
            return
        self._start(_Job(key, load, reason, seen, fresh_for_s, keep_for_s), self._fly)

    def refresh_alone(
        self, key: str, load: Loader, reason: LoadReason, fresh_for_s: float, keep_for_s: float | None = None
    ) -> None:
        if self._flying >= self._bounds.flights_max or self.marks.rest_s(key):
            return
        self._flying += 1
        work = self._refresh_alone(_Flight(_Job(key, load, reason, None, fresh_for_s, keep_for_s)))
        self._tasks.spawn(work, "refresh", key, self._landed_alone)

    async def _refresh_alone(self, flight: _Flight) -> Lookup:
        budget.current.set(None)  # it takes nothing of the budget of the request that began it
        return await self._load_and_store(flight)

    def _landed_alone(self, _: asyncio.Task[Lookup]) -> None:
        self._flying -= 1

    async def _join(self, job: _Job, way: _Way) -> Lookup:
        flight, is_mine = self._flight(job, way)
        running, wait = asyncio.get_running_loop(), _Wait()
        self._waits.begin(wait)
        try:
            while True:
                wait.answer = running.create_future()  # its own, so that no request can cancel the flight
                flight.answers.append(wait.answer)
                try:
                    lookup = await wait.answer
                except CacheAway:  # a refresh ends so; a request that has joined it still needs an answer
                    flight, is_mine = self._flight(job, self._load_unstored, ended=flight)
                else:
                    if lookup is not None:
                        break
                    flight, is_mine = self._flight(job, way, ended=flight)
        finally:
            self._waits.end(wait)
        return lookup if is_mine else Lookup(Status.COLLAPSED, lookup.entry)

    def _give_up(self, wait: _Wait) -> None:
        if not wait.answer.done():
            bound_s = self._bounds.wait_s_max
            wait.answer.set_exception(Shed(f"no answer within {bound_s:g} s of waiting (wait_ms_max)"))

    def _flight(self, job: _Job, way: _Way, ended: _Flight | None = None) -> tuple[_Flight, bool]:
        """The key's flight and False, unless it is `ended` or overtaken; else a new one, which goes this way, and True.

        Raises `Shed`, and `LoadJustFailed` while the key is marked.
        """
        flight = self._in_flight.get(job.key)
        if flight is not None and flight is not ended and not flight.is_overtaken:
            return flight, False
        self.marks.check(job.key)
        if self._flying >= self._bounds.flights_max:
            raise Shed(f"{self._bounds.flights_max} loads are in flight in this pod (flights_max)")
        return self._start(job, way), True

    def _start(self, job: _Job, way: _Way) -> _Flight:
        self._in_flight[job.key] = flight = _Flight(job)
        self._flying += 1
        self._tasks.spawn(way(flight), "flight", job.key, partial(self._land, flight))
        return flight

    def _land(self, flight: _Flight, task: asyncio.Task[Lookup]) -> None:
        """Take a flight out of the map, and answer who waits for it."""
        job = flight.job
        self._flying -= 1
        if self._in_flight.get(job.key) is flight:  # else another flight has begun already
            del self._in_flight[job.key]
        if task.cancelled():
            for answer in flight.answers:
                answer.cancel()
            return
        error = task.exception()
        for place, answer in enumerate(flight.answers):
            if answer.done():
                continue  # its request has gone
            if error is None:
                answer.set_result(None if place >= flight.early and flight.is_overtaken else task.result())
            else:
                answer.set_exception(error)
        if job.reason is not LoadReason.MISS:
            self._pause_refreshes(job.key, error is not None)

    def _pause_refreshes(self, key: str, has_failed: bool) -> None:
        """Let no refresh of the key begin for a while, where one has failed."""
        if not has_failed:
            self._refresh_not_before_s.pop(key, None)
            return
        if len(self._refresh_not_before_s) >= self._bounds.flights_max:
            self._refresh_not_before_s.clear()
        self._refresh_not_before_s[key] = asyncio.get_running_loop().time() + self._bounds.refresh_pause_s

    async def _fly(self, flight: _Flight) -> Lookup:
        job = flight.job
        token = f"{self._instance_id}:{self._rng.getrandbits(64):016x}"
        if job.reason is not LoadReason.MISS:
            budget.current.set(None)  # a refresh takes nothing of the budget of the request that began it
        with self._cache.notification(job.key) as heard:  # before the first look, so that no wake-up is lost
            try:
                entry = await self._lock_or_landing(job, token, heard)
            except CacheAway:
                if job.reason is not LoadReason.MISS:
                    raise  # no request waits for it, and it could not be stored
                return await self._load_unstored(flight)
            if entry is not None:
                return Lookup(Status.COLLAPSED, entry)
            flight.loads(heard)
            return await self._lead(flight, token)

    async def _lock_or_landing(self, job: _Job, token: str, notification: Notification) -> Entry | None:
        """None once this flight has the lock, or the entry that another pod has stored meanwhile. Raises `Shed`."""
        if await self._take_lock(job.key, token):
            return None
        running = asyncio.get_running_loop()
        began_s = running.time()
        try:
            while running.time() - began_s < self._bounds.wait_s_max:
                await notification.wait(self._bounds.poll_s * self._rng.uniform(0.5, 1.5))
                entry = await self._cache.get(job.key)
                if entry is not None and job.is_done_by(entry, self._clock.now_s()):
                    return entry
                if await self._take_lock(job.key, token):
                    return None
        finally:
            self._events.lock_waited(running.time() - began_s)
        raise Shed(f"the lock stayed taken for {self._bounds.wait_s_max:g} s (wait_ms_max)")

    async def _take_lock(self, key: str, token: str) -> bool:
        try:
            taken = await self._cache.lock(key, token, self._bounds.lease_s)
        except LoadJustFailed as failed:
            self._events.lock_asked(False)
            self.marks.set(key, failed.retry_after_s or 0.0)
            raise
        self._events.lock_asked(taken)
        return taken

    async def _lead(self, flight: _Flight, token: str) -> Lookup:
        """Load and store under the lock, which is given back in the end, whatever happened."""
        job, holds = flight.job, True
        try:
            entry = await self._look_again(job.key)
            if entry is not None and job.is_done_by(entry, self._clock.now_s()):
                return Lookup(Status.COLLAPSED, entry)
            loaded = await self._load_and_renew(job, token)
            entry = loaded.as_entry(job.fresh_for_s, job.keep_for_s)
            try:
                holds = not await self._cache.put(job.key, entry, token)
            except CacheAway:
                holds = False  # who waits gets the answer before another command may time out, or it would be older
                self._tasks.spawn(self._give_lock_back(job.key, token), "lease", job.key)
                return Lookup(Status.MISS, entry)
            if not holds:
                flight.heard = None  # a delete that is heard of now came before the lock, or after the answer
                return Lookup(Status.MISS, entry)
            if not flight.is_overtaken:
                self._events.write_refused()
            # This lease is over. What the next holder stored may have been read already: do not answer with less.
            newer = await self._look_again(job.key)
            if newer is not None and newer.read_at_s > entry.read_at_s:
                flight.heard = None  # the cache had it by now, whatever was deleted before
                return Lookup(Status.COLLAPSED, newer)
            return Lookup(Status.MISS, entry)
        except OriginFailed as failed:
            if self._is_to_be_marked(failed):
                holds = False
                await self._mark(job.key, token)
            raise
        finally:
            if holds:
                await self._give_lock_back(job.key, token)

    def _is_to_be_marked(self, failed: OriginFailed) -> bool:
        """Whether a failure is shared. An open breaker is what one pod has come to think; another one may try."""
        mark_s = self._bounds.failure_mark_s
        if not mark_s or isinstance(failed, BreakerOpen):
            return False
        if failed.retry_after_s is None:
            failed.retry_after_s = mark_s
        return True

    async def _mark(self, key: str, token: str) -> None:
        """Turn the lock into the mark of a failure; a failure of that is logged, and never decides an answer."""
        mark_s = self._bounds.failure_mark_s
        try:
            if not await self._cache.mark(key, token, mark_s):
                return  # the lease is over, and another pod may be loading
        except CacheAway:
            pass  # the lock's lease ends by itself
        except Exception:
            log.exception("the failed load of %s could not be marked; its lock's lease ends by itself", key)
        self.marks.set(key, mark_s)

    async def _look_again(self, key: str) -> Entry | None:
        try:
            return await self._cache.get(key)
        except CacheAway:
            return None

    async def _give_lock_back(self, key: str, token: str) -> None:
        """Release the lock; a failure of that is logged, and never decides an answer."""
        try:
            await self._cache.unlock(key, token)
        except CacheAway:
            pass  # its lease ends by itself
        except Exception:
            log.exception("the lock of %s could not be given back; its lease ends by itself", key)

    async def _load_and_renew(self, job: _Job, token: str) -> Loaded:
        """Load, while the lease is renewed beside it: a slow load keeps its lock, and a dead pod loses it."""
        lease = self._leases.keep(job.key, token)
        try:
            return await job.load(job.reason)
        finally:
            self._leases.let_go(lease)

    async def _load_and_store(self, flight: _Flight) -> Lookup:
        job = flight.job
        with self._cache.notification(job.key) as heard:
            flight.loads(heard)
            entry = (await self._load_here(job)).as_entry(job.fresh_for_s, job.keep_for_s)
            if not flight.is_overtaken:
                try:
                    await self._cache.put(job.key, entry)
                except CacheAway:
                    pass  # counted where it happened; the next reader loads again
        return Lookup(Status.MISS, entry)

    async def _load_unstored(self, flight: _Flight) -> Lookup:
        self._events.load_unstored()
        return Lookup(Status.MISS, (await self._load_here(flight.job)).as_entry(0.0))

    async def _load_here(self, job: _Job) -> Loaded:
        """Load without a lock; a failure is remembered in this pod alone."""
        try:
            return await job.load(job.reason)
        except OriginFailed as failed:
            if self._is_to_be_marked(failed):
                self.marks.set(job.key, self._bounds.failure_mark_s)
            raise
