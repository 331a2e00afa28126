"""Faults that are planted on purpose, and the seed by which `lab check` finds each: who watches the watch."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import pytest

from app import arm
from app.discovery import discover
from app.flights import PodFlights, _Job
from app.strategy import Entry, Lookup, Shed, Strategy
from loadtest.sim import world
from loadtest.sim.case import Case, Finding, check_case, check_seed
from loadtest.sim.server import MemoryServer
from loadtest.sim.shrink import shrink

STRATEGIES = discover().strategies


class ForgetsWhoseLock(MemoryServer):
    """UNLOCK as a plain DEL: whoever asks releases the lock."""

    def unlock(self, key: str, token: str) -> bool:
        if self._valid_lock(key) is None:
            return False
        del self._locks[key]
        self._announce(key)
        return True


class TakesLateWrites(MemoryServer):
    """PUT as a plain SET, then UNLOCK: the write of a holder whose lease is over is stored."""

    def put(self, key: str, entry: Entry, keep_ms: int, token: str) -> bool:
        if not self.set(key, entry, keep_ms):
            return False
        self.unlock(key, token)
        return True


class KeepsFailures(PodFlights):
    """A flight that fails stays in the map."""

    def _land(self, job: _Job, flight: asyncio.Task[Lookup]) -> None:
        if flight.cancelled() or flight.exception() is None:
            super()._land(job, flight)


class ListensLate(PodFlights):
    """Subscribes once it has been refused the lock: what is announced in between is missed."""

    async def _lock_or_landing(self, job: _Job, token: str) -> Entry | None:
        if await self._take_lock(job.key, token):
            return None
        with self._cache.landing(job.key) as landing:
            began_s = self._clock.now_s()
            while self._clock.now_s() - began_s < self._bounds.wait_s_max:
                await landing.wait(self._bounds.poll_s * self._rng.uniform(0.5, 1.5))
                entry = await self._cache.get(job.key)
                if entry is not None and job.is_done_by(entry, self._clock.now_s()):
                    return entry
                if await self._take_lock(job.key, token):
                    return None
        raise Shed("the lock stayed taken")


class Planted(NamedTuple):
    plant: Callable[[pytest.MonkeyPatch], None]
    strategy: str
    seed: int
    invariant: str


def instead_of_the_server(server: type[MemoryServer]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(world, "MemoryServer", server)


def instead_of_the_flights(flights: type[PodFlights]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(arm, "PodFlights", flights)


# The seeds are the first ones by which `lab check` found them.
PLANTED = {
    "a lock released without its token": Planted(
        instead_of_the_server(ForgetsWhoseLock), "singleflight", 14, "own lock"
    ),
    "a late write that is not fenced": Planted(
        instead_of_the_server(TakesLateWrites), "singleflight", 1, "fenced write"
    ),
    "a failed leader left in the in-flight map": Planted(
        instead_of_the_flights(KeepsFailures), "singleflight", 16, "nothing left"
    ),
    "a wake-up lost between GET and SUBSCRIBE": Planted(
        instead_of_the_flights(ListensLate), "singleflight", 5, "woken"
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

    monkeypatch.setattr("loadtest.sim.shrink.check_case", counted)
    monkeypatch.setattr("loadtest.sim.shrink.TRIES_MAX", 7)
    shrink(strategy, whole)
    assert len(runs) == 7
