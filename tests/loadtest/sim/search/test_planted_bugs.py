"""Faults that are planted on purpose, and the seed by which `lab verify` finds each: who watches the watch."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest

from app import pod as wiring
from app import strategy_runner as runner
from app.discovery import discover
from app.flights import PodFlights, _Flight, _Job
from app.pooler import Permit
from app.pooler_client import PoolerClient
from app.strategy import CacheAway, Entry, Lookup, Notification, Shed, Strategy
from loadtest.sim.cluster import redis_link
from loadtest.sim.cluster import seam_depth as world
from loadtest.sim.cluster.looks import Looks
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_link import ClientTimeouts
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.cluster.redis_trouble import CommandRefused
from loadtest.sim.cluster.violation import Invariant
from loadtest.sim.search.case import Case, Finding, check_case, check_seed
from loadtest.sim.search.shrink import shrink
from tests.loadtest.sim import policy_of_before
from tests.loadtest.sim.drill import fault, workload
from tests.loadtest.sim.search import outage_bugs

STRATEGIES = discover().strategies


class ForgetsWhoseLock(SimulatedRedis):
    """UNLOCK as a plain DEL: whoever asks releases the lock."""

    def unlock(self, key: str, token: str) -> bool:
        if self._valid_lock(key) is None:
            return False
        del self._locks[key]
        self._notify(key)
        return True


class TakesLateWrites(SimulatedRedis):
    """PUT as a plain SET, then UNLOCK: the write of a holder whose lease is over is stored."""

    def put(self, key: str, entry: Entry, until_ms: int, token: str) -> bool:
        if not self.set(key, entry, until_ms):
            return False
        self.unlock(key, token)
        return True


class LetsLoadsStore(SimulatedRedis):
    """DELETE as a plain DEL: the lock stays, and the load that began before stores the old value after it."""

    def delete(self, key: str) -> bool:
        return self._entries.pop(key, None) is not None


class KeepsFailures(PodFlights):
    """A flight that fails stays in the map."""

    def _land(self, flight: _Flight, task: asyncio.Task[Lookup]) -> None:
        super()._land(flight, task)
        if not task.cancelled() and task.exception() is not None:
            self._in_flight[flight.job.key] = flight


class ListensLate(PodFlights):
    """Subscribes once it has been refused the lock: what is notified in between is missed."""

    async def _lock_or_landing(self, job: _Job, token: str, earlier: Notification) -> Entry | None:
        if await self._take_lock(job.key, token):
            return None
        with self._cache.notification(job.key) as notification:
            began_s = self._clock.now_s()
            while self._clock.now_s() - began_s < self._bounds.wait_s_max:
                await notification.wait(self._bounds.poll_s * self._rng.uniform(0.5, 1.5))
                entry = await self._cache.get(job.key)
                if entry is not None and job.is_done_by(entry, self._clock.now_s()):
                    return entry
                if await self._take_lock(job.key, token):
                    return None
        raise Shed("the lock stayed taken")


class CountsFromExecution(SimulatedCache):
    """SET with PX instead of PXAT: an entry's time begins when the command is executed."""

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        keep_s = entry.keep_until_s - self.clock.now_s()

        def until_ms() -> int:
            return math.ceil(1000 * (self._server.time_s() + keep_s))

        name = "set" if token is None else "put"
        return await self._ask(name, lambda: self._store(key, entry, until_ms(), token))


class TrustsWhatIsThere(SimulatedCache):
    """Serves whatever Redis still holds, as if no clock could be wrong."""

    async def get(self, key: str) -> Entry | None:
        return await self._ask("get", self._get, key)


class TakesTheFuture(SimulatedCache):
    """Looks at an entry's end, and not at its beginning."""

    async def get(self, key: str) -> Entry | None:
        entry = await self._ask("get", self._get, key)
        return entry if entry is not None and self.clock.now_s() < entry.keep_until_s else None


class LetsRefusalsOut(SimulatedCache):
    """Translates what a read is refused with, and forgets the writes."""

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        until_ms = math.ceil(entry.keep_until_s * 1000)
        try:
            return await self._ask("set" if token is None else "put", self._store, key, entry, until_ms, token)
        except CacheAway as away:
            if isinstance(away.__cause__, CommandRefused):
                raise ConnectionError(str(away)) from None
            raise


class KeepsItsOwnCopies(SimulatedCache):
    """A second cache, in the pod: an entry is kept to its end, whatever replaces it meanwhile."""

    async def get(self, key: str) -> Entry | None:
        copies: dict[str, Entry] = self.__dict__.setdefault("copies", {})
        if (copy := copies.get(key)) is not None and self.clock.now_s() < copy.keep_until_s:
            return copy
        if (entry := await super().get(key)) is not None:
            copies[key] = entry
        return entry


class DoesNotKnowItsOwnLock(SimulatedRedis):
    """SET NX without looking whose it is: a command that is sent again after a reset is refused."""

    def lock(self, key: str, token: str, lease_ms: int) -> bool:
        return self._valid_lock(key) is None and super().lock(key, token, lease_ms)


class NeverLooksByItself(PodFlights):
    """Relies on notifications alone."""

    async def _lock_or_landing(self, job: _Job, token: str, notification: Notification) -> Entry | None:
        self._bounds = replace(self._bounds, poll_s=self._bounds.wait_s_max)
        return await super()._lock_or_landing(job, token, notification)


class GivesBackAtOnce(PoolerClient):
    """A connection that pods share is somebody else's before the read is over."""

    async def acquire(self) -> Permit:
        permit = await super().acquire()
        super().release(permit.number)
        return permit


class LeavesWithoutAWord(PoolerClient):
    """Who is late goes, and the pooler keeps a connection for it."""

    def release(self, number: int) -> None:
        if self._waiting.pop(number, None) is None:
            super().release(number)


class Planted(NamedTuple):
    plant: Callable[[pytest.MonkeyPatch], None]
    strategy: str
    seed: int
    invariant: Invariant
    fault: str = ""
    """The kind without which it is not seen, where there is one."""


def instead_of_the_server(server: type[SimulatedRedis]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(world, "SimulatedRedis", server)


def instead_of_the_cache(cache: type[SimulatedCache]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(world, "SimulatedCache", cache)


def instead_of_the_looks(looks: type[Looks]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(redis_link, "Looks", looks)


def without_a_time_out(patch: pytest.MonkeyPatch) -> None:
    """A client that waits for as long as the connection seems to be there."""
    patch.setattr(
        world, "ClientTimeouts", lambda timeout_s, pause_s, retries: ClientTimeouts(math.inf, pause_s, retries)
    )


def instead_of_the_flights(flights: type[PodFlights]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(runner, "PodFlights", flights)


def instead_of_the_client(client: type[PoolerClient]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(wiring, "PoolerClient", client)


# The seeds are the first ones by which `lab verify` found them, and shrank to two keys at most.
PLANTED = {
    "a lock released without its token": Planted(
        instead_of_the_server(ForgetsWhoseLock), "singleflight", 70, Invariant.OWN_LOCK
    ),
    "a late write that is not fenced": Planted(
        instead_of_the_server(TakesLateWrites), "singleflight", 14, Invariant.FENCED_WRITE
    ),
    "a delete that leaves the lock": Planted(
        instead_of_the_server(LetsLoadsStore), "singleflight", 27, Invariant.STAYS_DELETED
    ),
    "a failed leader left in the in-flight map": Planted(
        instead_of_the_flights(KeepsFailures), "singleflight", 14, Invariant.NOTHING_LEFT
    ),
    "a wake-up lost between GET and SUBSCRIBE": Planted(
        instead_of_the_flights(ListensLate), "singleflight", 18, Invariant.WOKEN
    ),
    "an expiry that counts from the execution of a SET": Planted(
        instead_of_the_cache(CountsFromExecution), "static", 94, Invariant.KEPT_NO_LONGER, "cache-paused"
    ),
    "an entry that a clock brings back": Planted(
        instead_of_the_cache(TrustsWhatIsThere), "static", 69, Invariant.FRESH_ENOUGH, "cache-clock-apart"
    ),
    "an entry from the future": Planted(
        instead_of_the_cache(TakesTheFuture), "static", 390, Invariant.FRESH_ENOUGH, "cache-clock-apart"
    ),
    "an error reply to a write": Planted(
        instead_of_the_cache(LetsRefusalsOut), "singleflight", 188, Invariant.NO_CRASH, "cache-refuses"
    ),
    "a lock that its holder is refused": Planted(
        instead_of_the_server(DoesNotKnowItsOwnLock), "singleflight", 107, Invariant.ONE_HOLDER, "cache-resets"
    ),
    "a client without a time-out": Planted(without_a_time_out, "swr", 134, Invariant.NOTHING_LEFT, "connections-dead"),
    "a waiter that only listens": Planted(
        instead_of_the_flights(NeverLooksByItself), "singleflight", 954, Invariant.WOKEN, "subscription-dead"
    ),
    "a shared connection given back too early": Planted(
        instead_of_the_client(GivesBackAtOnce), "static", 11, Invariant.SHARED_POOL
    ),
    "a shared connection that who is late leaves behind": Planted(
        instead_of_the_client(LeavesWithoutAWord), "static", 11, Invariant.NOTHING_LEFT
    ),
    "a time-out judged by a late timer": Planted(
        instead_of_the_looks(policy_of_before.LateTimer), "static", 10, Invariant.REDIS_IS_THERE
    ),
    "a time-out judged by a late timer, which closes Redis for everybody": Planted(
        policy_of_before.plant, "singleflight", 10, Invariant.REDIS_IS_THERE
    ),
    "a budget that the pod's own lateness is taken from": Planted(
        instead_of_the_looks(policy_of_before.ItsOwnLateness), "singleflight", 25, Invariant.REDIS_IS_THERE
    ),
    "a copy that nobody replaces": Planted(instead_of_the_cache(KeepsItsOwnCopies), "xfetch", 3, Invariant.NO_WAY_BACK),
    "a hard time-out that holds for who loads alone": Planted(
        outage_bugs.for_who_loads, "singleflight", 114, Invariant.ANSWERED_WITHIN
    ),
    "a client that waits on": Planted(outage_bugs.without_a_deadline, "static", 8, Invariant.GIVES_UP),
    "a retry budget that each attempt adds to": Planted(
        outage_bugs.earns_by_attempt, "static", 106, Invariant.RETRIES_BOUNDED
    ),
    "a breaker that is never half-open": Planted(outage_bugs.never_half_open, "static", 87, Invariant.COMES_BACK),
    "the mark of a failure without an end": Planted(
        outage_bugs.marks_for_ever, "singleflight", 14, Invariant.COMES_BACK
    ),
    "a limit that counts abandoned loads for ever": Planted(
        outage_bugs.counts_the_abandoned, "static", 83, Invariant.COMES_BACK
    ),
}
every_bug = pytest.mark.parametrize("bug", PLANTED.values(), ids=PLANTED.keys())


@every_bug
def test_the_check_finds_it(bug: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    finding = check_seed(STRATEGIES[bug.strategy], bug.seed)
    assert finding is not None, f"seed {bug.seed} finds nothing"
    assert finding.violation.invariant == bug.invariant, finding.violation


@every_bug
def test_without_it_the_same_seed_is_clean(bug: Planted) -> None:
    assert check_seed(STRATEGIES[bug.strategy], bug.seed) is None


@every_bug
def test_what_is_found_shrinks_to_less_that_shows_the_same(bug: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    strategy = STRATEGIES[bug.strategy]
    whole = check_seed(strategy, bug.seed)
    assert whole is not None
    small = shrink(strategy, whole)
    assert small.violation.invariant == bug.invariant, small.violation
    was, became = whole.case.scenario, small.case.scenario
    assert became.duration_s < was.duration_s
    assert became.pods <= was.pods
    assert became.keys.count <= min(2, was.keys.count)
    assert len(became.faults) <= 2, became.faults
    assert (became.writes is None) == (bug.invariant is not Invariant.STAYS_DELETED)
    assert bug.fault in {"", *(fault.kind for fault in became.faults)}, became.faults
    assert check_case(strategy, small.case) == small


def test_shrinking_the_same_finding_always_ends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = PLANTED["a wake-up lost between GET and SUBSCRIBE"]
    bug.plant(monkeypatch)
    strategy = STRATEGIES[bug.strategy]
    whole = check_seed(strategy, bug.seed)
    assert whole is not None
    assert shrink(strategy, whole) == shrink(strategy, whole), f"seed {bug.seed}"


def test_shrinking_ends_after_so_many_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = PLANTED["a late write that is not fenced"]
    bug.plant(monkeypatch)
    strategy = STRATEGIES[bug.strategy]
    whole = check_seed(strategy, bug.seed)
    assert whole is not None
    runs: list[Case] = []

    def counted(strategy: type[Strategy], case: Case) -> Finding | None:
        runs.append(case)
        return check_case(strategy, case)

    monkeypatch.setattr("loadtest.sim.search.shrink.check_case", counted)
    monkeypatch.setattr("loadtest.sim.search.shrink.TRIES_MAX", 7)
    shrink(strategy, whole)
    assert len(runs) == 7


def test_a_waiter_that_only_listens_is_seen_where_it_is_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = workload(fault("subscription-dead", pod=1, for_s=9.0), cache={"ttl_s": 0.5}, keys={"count": 2})
    strategy = STRATEGIES["singleflight"]
    assert check_case(strategy, Case(deaf, 1)) is None
    instead_of_the_flights(NeverLooksByItself)(monkeypatch)
    finding = check_case(strategy, Case(deaf, 1))
    assert finding is not None
    assert finding.violation.invariant == Invariant.WOKEN, finding.violation


def test_an_absence_is_no_older_version_because_a_wrong_clock_dates_it() -> None:
    """Absences are all alike, so that nobody can tell when one was really read."""
    assert check_seed(STRATEGIES["singleflight"], 233) is None
