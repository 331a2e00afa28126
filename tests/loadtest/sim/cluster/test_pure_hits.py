"""Hits that are answered by array: the same history, to the last byte, as when each of them is simulated."""

import itertools
import math
import random
from collections.abc import Coroutine
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.discovery import discover
from app.strategy import Entry, Loader, LoadReason, Lookup, Mechanism, Status, Strategy
from loadtest.figures.summarise import summarise
from loadtest.sim.cluster.events import AnswerSent, Subscriber
from loadtest.sim.cluster.purity import NEVER_S, Purity
from loadtest.sim.cluster.shadow import Shadowed, simulate_both_ways
from loadtest.sim.cluster.simulate import SimulatedHistory, simulate
from loadtest.sim.cluster.stateless import is_stateless
from loadtest.sim.cluster.violation import Invariant
from loadtest.sim.search.case import check_seed
from loadtest.sim.search.random_scenario import random_scenario
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario, read_scenario, scenario_names
from tests.loadtest.sim.drill import fault, workload

STRATEGIES = discover(references=True).runnable
SHORT_S, FAULT_AT_S_MAX, RATE_MAX, PODS_MAX, KEYS_MAX = 4.0, 2.0, 500.0, 20, 200
MEMORY: list[str] = []
NUMBERS = itertools.count()


def both_ways(strategy: type[Strategy], scenario: Scenario, seed: int = 1) -> Shadowed:
    """The outcome of the run, whose shadow differs in nothing."""
    shadowed = simulate_both_ways(scenario, strategy, seed)
    assert not shadowed.difference, f"{strategy.name} in {scenario.name}, seed {seed}: {shadowed.difference}"
    return shadowed


def shortened(name: str) -> Scenario:
    """A scenario of the lab in a few seconds, with an expiry or two, and its first fault after the first of them."""
    scenario = read_scenario(name)
    load, cache = scenario.load, scenario.cache
    rate_per_s = None if load.rate_per_s is None else min(load.rate_per_s, RATE_MAX)
    first_s = min((one.at_s for one in scenario.faults), default=0.0)
    at_s = min(first_s, FAULT_AT_S_MAX)
    faults = [one.model_copy(update={"at_s": one.at_s - first_s + at_s}) for one in scenario.faults]
    told = {
        "duration_s": min(scenario.duration_s, at_s + SHORT_S),
        "pods": min(scenario.pods, PODS_MAX),
        "load": load.model_copy(update={"rate_per_s": rate_per_s}),
        "keys": scenario.keys.model_copy(update={"count": min(scenario.keys.count, KEYS_MAX)}),
        "cache": cache.model_copy(update={"ttl_s": min(cache.ttl_s, 1.5)}),
        "faults": [one for one in faults if one.at_s < at_s + SHORT_S],
    }
    return scenario.model_copy(update=told)


@pytest.mark.parametrize("name", scenario_names())
def test_every_strategy_in_every_scenario_has_the_same_history_both_ways(name: str) -> None:
    scenario = shortened(name)
    for strategy in STRATEGIES.values():
        is_by_array = scenario.load.loop == "open" and is_stateless(strategy)
        assert both_ways(strategy, scenario).was_by_array is is_by_array


@pytest.mark.parametrize("seed", range(12))
def test_drawn_worlds_with_any_faults_have_the_same_history_both_ways(seed: int) -> None:
    drawn = random_scenario(seed, STRATEGIES.values())
    never = {"clock-apart", "cache-clock-apart", "loop-blocked", "cache-full"}
    told = {
        "load": {"loop": "open", "rate_per_s": 60, "arrivals": ["poisson", "constant"][seed % 2]},
        "virtual": {"network": ["fixed(0)", "fixed(0.25)"][seed // 2 % 2]},
        "faults": [one.model_dump() for one in drawn.faults if one.kind not in never],
        "client": {},  # those of an outage need not be by array
        "nets": {},
    }
    scenario = Scenario.model_validate(drawn.model_dump() | told)
    for strategy in STRATEGIES.values():
        assert both_ways(strategy, scenario, seed).was_by_array is is_stateless(strategy)


def test_what_a_strategy_keeps_in_a_local_tier_is_a_state_of_its_own_and_no_pure_hit() -> None:
    assert not is_stateless(STRATEGIES["tiered"])
    assert simulate(workload(), STRATEGIES["tiered"], 1).row.local_share


def test_arrivals_at_the_very_moment_of_a_fault_come_behind_it() -> None:
    steady: dict[str, Any] = {
        "load": {"loop": "open", "rate_per_s": 100, "arrivals": "constant"},
        "virtual": {"network": "fixed(0)"},
    }
    for kind in ("cache-flushed", "cache-away", "pod-killed", "pod-paused"):
        told = fault(kind, **({"pod": 1} if kind.startswith("pod") else {}))
        if kind == "cache-flushed":
            del told["for_s"]
        for strategy in (STRATEGIES["static"], STRATEGIES["swr"]):
            assert both_ways(strategy, workload(told, **steady)).was_by_array


IMPATIENT: list[dict[str, Any]] = [
    {"timeout_s": 0.2, "retries": 3, "budget": 0.1},
    {"timeout_s": 0.05, "retries": 2, "base_s": 0.02, "jitter": "decorrelated"},
    {"retries": 4, "backoff": "fixed", "base_s": 1.0, "jitter": "none", "budget": 0.02},
]


@pytest.mark.parametrize("client", IMPATIENT, ids=str)
def test_impatient_clients_have_the_same_history_both_ways(client: dict[str, Any]) -> None:
    for kind in ("origin-hangs", "origin-fails", "pod-killed", "clients-leave"):
        told = fault(kind, **({"pod": 1} if kind.startswith("pod") else {}))
        for more in ({}, {"load": {"loop": "open", "rate_per_s": 400, "in_flight_max": 20}}):
            strategy = STRATEGIES["swr" if more else "static"]
            shadowed = both_ways(strategy, workload(told, client=client, **more))
            assert shadowed.was_by_array
            assert shadowed.outcome.violation is None


def test_hits_that_may_come_too_late_for_their_clients_are_simulated() -> None:
    for timeout_s, is_by_array in ((0.0015, True), (0.001, False)):
        scenario = workload(client={"timeout_s": timeout_s}, virtual={"network": "fixed(0.5)"})
        assert simulate_both_ways(scenario, STRATEGIES["static"], 1).was_by_array is is_by_array


def test_a_crowd_at_the_bound_of_requests_in_flight_ends_every_purity() -> None:
    scenario = workload(load={"loop": "open", "rate_per_s": 400, "in_flight_max": 20}, origin={"latency": "fixed(300)"})
    shadowed = both_ways(STRATEGIES["static"], scenario)
    assert shadowed.was_by_array
    assert any("were not sent" in incident for incident in shadowed.outcome.row.incidents)


def test_most_hits_of_a_steady_load_are_never_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = read_scenario("jitterbug", duration_s=15)
    asked = 0
    get_or_load = STRATEGIES["static"].get_or_load

    async def counted(self: Strategy, key: str, load: Loader) -> Lookup:
        nonlocal asked
        asked += 1
        return await get_or_load(self, key, load)

    row = simulate(scenario, STRATEGIES["static"], 1).row
    monkeypatch.setattr(STRATEGIES["static"], "get_or_load", counted)
    monkeypatch.setattr("loadtest.sim.cluster.purity.is_stateless", lambda strategy: True)
    assert simulate(scenario, STRATEGIES["static"], 1).row == row
    assert row.origin_reads < asked < 3 * row.origin_reads < 0.1 * row.requests


def test_what_is_written_down_is_the_same_both_ways(tmp_path: Path) -> None:
    told = fault("origin-fails", share=0.5)
    run = PlannedRun(workload(told), "swr", seed=1)
    for by_array in (True, False):
        history = SimulatedHistory(run, records=tmp_path / str(by_array), by_array=by_array)
        summarise(history)
        assert history.was_by_array is by_array
    written = [sorted((tmp_path / str(by_array)).rglob("*.*")) for by_array in (True, False)]
    assert [path.name for path in written[0]] == [path.name for path in written[1]]
    assert [path.read_bytes() for path in written[0]] == [path.read_bytes() for path in written[1]]


def test_whoever_listens_to_every_answer_hears_every_answer() -> None:
    heard: list[AnswerSent] = []
    outcome = simulate(workload(), STRATEGIES["static"], 1, observers=[Subscriber({AnswerSent: heard.append})])
    assert len(heard) == outcome.row.requests


class Early(Strategy):
    """Refreshes at a fixed share of the TTL, which no field of the entry states."""

    def mechanism(self) -> Mechanism:
        return Mechanism.collapse()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is None:
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        if (self.lab.clock.now_s() - entry.read_at_s) / self.ttl_s > 0.6:
            self.lab.flights.refresh(key, load, LoadReason.EARLY, entry, self.ttl_s)
        return Lookup(Status.HIT, entry)


class OddSeconds(Early):
    """Reads more of the clock than can be compared."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        lookup = await super().get_or_load(key, load)
        return await super().get_or_load(key, load) if math.floor(self.lab.clock.now_s()) % 2 else lookup


class Shy(Early):
    """Hides that its reading of the clock was refused."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        try:
            even = int(self.lab.clock.now_s()) % 2 == 0
        except Exception:
            even = True
        return await super().get_or_load(key, load) if even else await self.lab.flights.collapse(key, load, self.ttl_s)


class Counts(Early):
    """Remembers in itself how often it was asked."""

    asked = 0

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        self.asked += 1
        return await super().get_or_load(key, load)


class Remembers(Early):
    """Remembers in its module."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        MEMORY.append(key)
        return await super().get_or_load(key, load)


class Numbers(Early):
    """Remembers in a default."""

    async def get_or_load(self, key: str, load: Loader, seen: Any = NUMBERS) -> Lookup:
        lookup = await super().get_or_load(key, load)
        return lookup if next(seen) % 9 else await super().get_or_load(key, load)


def every_ninth() -> Any:
    """A function that counts in the function around it."""
    calls = 0

    def is_ninth(strategy: Strategy) -> bool:
        nonlocal calls
        calls += 1
        return calls % 9 == 0

    return is_ninth


class Encloses(Early):
    """Remembers in what encloses a function."""

    is_ninth = every_ninth()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        lookup = await super().get_or_load(key, load)
        return await self.lab.flights.collapse(key, load, self.ttl_s) if self.is_ninth() else lookup


class Throws(Early):
    """Throws dice that are not the lab's."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None and random.random() < 2:
            return Lookup(Status.HIT, entry)
        return await super().get_or_load(key, load)


class Plain(Early):
    """Is no coroutine, so that it runs as soon as it is called."""

    def get_or_load(self, key: str, load: Loader) -> Coroutine[Any, Any, Lookup]:
        if self.lab.rng.random() < 0.1:
            return self.lab.flights.collapse(key, load, self.ttl_s)
        return super().get_or_load(key, load)


class Parts(NamedTuple):
    """A tuple of numbers that does more than hold them."""

    share: float = 0.1

    def is_hit(self) -> bool:
        return random.random() < self.share


class Number(int):
    """A number that compares as it likes."""

    def __lt__(self, other: int) -> bool:
        return random.random() < 0.1


class Mode(Enum):
    """An enumeration whose member holds a list."""

    SEEN = MEMORY


PARTS, NUMBER = Parts(), Number()


class AsksATuple(Early):
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        if PARTS.is_hit():
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        return await super().get_or_load(key, load)


class AsksANumber(Early):
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        if NUMBER < 1:
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        return await super().get_or_load(key, load)


class AsksAnEnumeration(Early):
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        Mode.SEEN.value.append(key)
        return await super().get_or_load(key, load)


class Draws(Early):
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        if self.lab.rng.random() < 0.1:
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        return await super().get_or_load(key, load)


class Elsewhere(Early):
    """Looks at another key, which may change unseen."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        await self.lab.cache.get("lab:elsewhere:0")
        return await super().get_or_load(key, load)


class CountsInTheCache(Early):
    """Counts each access where all pods do, and hides that it was refused; it loads what was asked for often enough."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        try:
            self.lab.cache.count(key, 1.0)
        except Exception:
            return await super().get_or_load(key, load)
        lookup = await super().get_or_load(key, load)
        often = self.lab.clock.now_s() - lookup.entry.read_at_s > 1 and await self.lab.cache.counted(key, 1.0) > 20
        return await self.lab.flights.collapse(key, load, self.ttl_s) if often else lookup


class FollowsASetting(Early):
    """Answers by a setting, which may be set at any time."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        share = self.lab.cache.setting(key, "share")
        lookup = await super().get_or_load(key, load)
        if share is None and lookup.status is Status.MISS:
            await self.lab.cache.set_setting("lab:", "share", 0.5, 0.7)
        return lookup if share is None else await self.lab.flights.collapse(key, load, self.ttl_s)


MAY_REMEMBER = [Counts, Remembers, Numbers, Encloses, Throws, AsksATuple, AsksANumber, AsksAnEnumeration]
IMPURE = [OddSeconds, Shy, Draws, Plain, Elsewhere, CountsInTheCache, FollowsASetting]
ENTRY = Entry(b"", read_at_s=10.0, fresh_until_s=20.0, keep_until_s=25.0, cost_s=0.1)


def until_s(strategy: type[Strategy], now_s: float = 12.0) -> float | None:
    purity = Purity.of(strategy, workload(cache={"ttl_s": 10.0}).pod_settings(1, "pod-1"))
    return None if purity is None else purity.until_s(f"lab:{strategy.name}:1", ENTRY, now_s)


def test_a_hit_is_pure_until_the_moment_with_which_the_clock_was_compared() -> None:
    assert until_s(STRATEGIES["static"]) == math.inf  # until the cache drops it
    assert until_s(STRATEGIES["swr"]) == ENTRY.fresh_until_s
    assert until_s(STRATEGIES["swr"], now_s=20.0) == NEVER_S
    assert until_s(Early) == pytest.approx(16.0, abs=1e-5)
    assert until_s(Early) < 16.0  # type: ignore[operator]
    assert until_s(Early, now_s=16.5) == NEVER_S


@pytest.mark.parametrize("strategy", [*IMPURE, STRATEGIES["xfetch"]])
def test_what_depends_on_anything_but_entry_and_time_is_not_pure(strategy: type[Strategy]) -> None:
    assert until_s(strategy) == NEVER_S


@pytest.mark.parametrize("strategy", MAY_REMEMBER)
def test_what_may_remember_or_throw_dice_is_simulated(strategy: type[Strategy]) -> None:
    assert until_s(strategy) is None


@pytest.mark.parametrize("strategy", [Early, *IMPURE])
def test_what_somebody_writes_has_the_same_history_both_ways(strategy: type[Strategy]) -> None:
    assert both_ways(strategy, workload()).was_by_array


def test_the_search_finds_hits_that_are_taken_for_pure_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Purity.until_s
    monkeypatch.setattr(Purity, "until_s", lambda *args: math.inf if asked(*args) > 0 else NEVER_S)
    found = [finding for seed in range(0, 60, 2) if (finding := check_seed(Early, seed)) is not None]
    assert found
    assert {finding.violation.invariant for finding in found} == {Invariant.SAME_ONE_BY_ONE}
