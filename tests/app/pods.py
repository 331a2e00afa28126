"""Flights of a few pods in virtual time, over one server, with loads that a test can steer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from app.flights import FlightBounds, PodFlights
from app.nets.nets import Nets
from app.strategy import CacheAway, Entry, Loaded, LoadReason, Lookup, Status
from app.tasks import Tasks
from loadtest.contract.events import Events
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock

T = TypeVar("T")

KEY = "lab:any:7"
TTL_S = 5.0
LOAD_S = 0.2
LEASE_S, WAIT_S_MAX, POLL_S, PAUSE_S, FLIGHTS_MAX = 1.0, 5.0, 0.1, 0.5, 100


class FlakyCache(SimulatedCache):
    """A pod's cache whose named commands fail; `is_deaf` to notifications on request."""

    failing: frozenset[str] = frozenset()

    async def get(self, key: str) -> Entry | None:
        self._may_fail("get")
        return await super().get(key)

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        self._may_fail("put")
        return await super().put(key, entry, token)

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        self._may_fail("lock")
        return await super().lock(key, token, lease_s)

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        self._may_fail("renew")
        return await super().renew(key, token, lease_s)

    async def unlock(self, key: str, token: str) -> bool:
        self._may_fail("unlock")
        return await super().unlock(key, token)

    async def mark(self, key: str, token: str, for_s: float) -> bool:
        self._may_fail("mark")
        return await super().mark(key, token, for_s)

    def _may_fail(self, command: str) -> None:
        if command in self.failing:
            raise CacheAway(f"{command} fails")


@dataclass(slots=True)
class Load:
    pod: int
    reason: LoadReason
    began_s: float
    ended_s: float | None = None


class Pod:
    """One pod. Its loads take `load_s`, or fail with `failure`."""

    def __init__(self, number: int, pods: "Pods", latency_s: float, bounds: FlightBounds, seed: int) -> None:
        self.number = number
        self.load_s = LOAD_S
        self.failure: Exception | None = None
        self.paused_s = 0.0  # between the origin's answer and the next step of this pod
        self.events = Events()
        self.tasks = Tasks()
        nets = Nets(failure_mark_ms=1000 * bounds.failure_mark_s)
        self.cache = FlakyCache(pods.server, pods.clock, latency_s, nets=nets)
        rng = Random(f"{seed}/{number}")
        self.flights = PodFlights(self.cache, pods.clock, rng, self.tasks, bounds, self.events)
        self._pods = pods

    async def load(self, reason: LoadReason) -> Loaded:
        clock = self._pods.clock
        load = Load(self.number, reason, clock.now_s())
        self._pods.loads.append(load)
        await asyncio.sleep(self.load_s)
        load.ended_s = clock.now_s()
        if self.failure is not None:
            raise self.failure
        loaded = Loaded(f"by pod {self.number}".encode(), load.ended_s, self.load_s)
        if self.paused_s:
            await asyncio.sleep(self.paused_s)
        return loaded

    async def collapse(self, key: str = KEY) -> Lookup:
        return await self.flights.collapse(key, self.load, TTL_S, 2 * TTL_S)

    async def get_or_collapse(self, key: str = KEY) -> Lookup:
        entry = await self.cache.get(key)
        return Lookup(Status.HIT, entry) if entry is not None else await self.collapse(key)

    def refresh(self, seen: Entry, reason: LoadReason = LoadReason.REFRESH) -> None:
        self.flights.refresh(KEY, self.load, reason, seen, TTL_S, 2 * TTL_S)

    async def die(self) -> None:
        """As SIGKILL: what it does ends, and nothing of that reaches the server."""
        self.cache.is_cut_off = True
        await self.tasks.aclose()


class Pods(list[Pod]):
    """The pods, their server and clock, and every load of all of them."""

    def __init__(self, number: int = 3, latency_s: float = 0.0, seed: int = 1, **bounds: Any) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.server = SimulatedRedis(self.clock)
        self.loads: list[Load] = []
        stated: dict[str, Any] = {
            "lease_s": LEASE_S,
            "wait_s_max": WAIT_S_MAX,
            "poll_s": POLL_S,
            "refresh_pause_s": PAUSE_S,
            "flights_max": FLIGHTS_MAX,
        }
        super().__init__(Pod(n, self, latency_s, FlightBounds(**(stated | bounds)), seed) for n in range(number))


def play(story: Callable[[Pods], Awaitable[T]], **pods: Any) -> T:
    """What the story returns, told with these pods; at the end nothing may be left in flight."""

    async def main() -> T:
        stage = Pods(**pods)
        told = await story(stage)
        await asyncio.sleep(2 * WAIT_S_MAX)
        assert [len(pod.flights) for pod in stage] == [0] * len(stage)
        assert [len(pod.tasks) for pod in stage] == [0] * len(stage)
        return told

    return loop.run(main())
