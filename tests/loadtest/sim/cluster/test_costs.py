"""Costs that must not grow: the tasks of a miss, and what a notification costs pods that do not wait for it."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

import pytest

from app.discovery import discover
from app.ledger import Ledger
from app.metrics import Metrics
from app.pod import Pod
from app.settings import Settings
from app.strategy import Entry, Status
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.cluster.slow_store import PodStore, SlowStore
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock, VirtualLoop

KEY = "lab:any:7"
PODS = 50


@pytest.mark.parametrize(("name", "tasks"), [("static", 0), ("singleflight", 1)])
def test_a_miss_costs_no_task_and_a_flight_one(name: str, tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    create_task = VirtualLoop.create_task

    def counted(self: VirtualLoop, work: Coroutine[Any, Any, Any], **named: Any) -> asyncio.Task[Any]:
        begun.append(str(work))
        return create_task(self, work, **named)

    async def story() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        cache, new_store = (
            SimulatedCache(SimulatedRedis(clock), clock),
            partial(PodStore, SlowStore(10, 1), PauseGate()),
        )
        pod = Pod(Settings(), {name: discover().strategies[name]}, cache, Ledger(10), new_store, Metrics())
        monkeypatch.setattr(VirtualLoop, "create_task", counted)
        answer = await pod.runners[name].answer(7)
        monkeypatch.undo()
        assert answer.status is Status.MISS
        assert len(begun) == tasks, begun
        await pod.aclose()

    loop.run(story())


class CountingCache(SimulatedCache):
    """A pod's cache that counts the notifications which it is told of."""

    heard = 0

    def hear(self, key: str, was_deleted: bool) -> None:
        self.heard += 1
        super().hear(key, was_deleted)


@pytest.mark.parametrize("latency_s", [0.0, 0.01], ids=["near", "far"])
def test_a_notification_is_told_to_those_that_wait_and_to_those_that_it_may_still_reach(latency_s: float) -> None:
    async def story() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        server = SimulatedRedis(clock)
        first, *others = [CountingCache(server, clock, latency_s) for _ in range(PODS)]
        assert await first.lock(KEY, "token", 1.0)
        with (
            others[-1].notification(KEY) as last,
            others[0].notification(KEY) as waiting,
            others[1].notification("other"),
        ):
            entry = Entry(b"{}", clock.now_s(), clock.now_s() + 5, clock.now_s() + 5, 0.2)
            assert await first.put(KEY, entry, "token")
            assert await waiting.wait(1.0)
            assert await last.wait(1.0)
        told = [cache.heard for cache in (first, *others)]
        assert sum(told) == (PODS if latency_s else 2), told
        assert told[1] == told[-1] == 1
        await first.lock(KEY, "again", 1.0)
        await first.unlock(KEY, "again")
        assert sum(cache.heard for cache in (first, *others)) == (2 * PODS if latency_s else 2), "nobody waits any more"

    loop.run(story())
