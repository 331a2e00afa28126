"""The speed of virtual time: requests per CPU second, beside the obvious way to simulate the same on asyncio."""

import asyncio
import time
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.sim.cluster.clients import clients
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.cluster.simulate import simulate
from loadtest.sim.kernel import loop
from loadtest.workload.scenario import Scenario


class Speed(NamedTuple):
    """The speed of one strategy in virtual time."""

    strategy: str
    requests: int
    per_cpu_s: float
    obvious_per_cpu_s: float

    @property
    def ratio(self) -> float:
        """The factor by which virtual time is faster than the obvious way."""
        return self.per_cpu_s / self.obvious_per_cpu_s


def measure_speed(scenario: Scenario, strategy: type[Strategy], seed: int, runs: int = 3) -> Speed:
    """The best of a few alternating runs of each: other work on the machine can only slow a run down."""
    best, obvious = 0.0, 0.0
    for _ in range(runs):
        began_s = time.process_time()
        requests = simulate(scenario, strategy, seed).row.requests
        best = max(best, requests / (time.process_time() - began_s))
        began_s = time.process_time()
        loop.run(_simulate_obviously(scenario, strategy, seed), scenario.duration_s + 60)
        obvious = max(obvious, requests / (time.process_time() - began_s))
    return Speed(strategy.name, requests, best, obvious)


async def _simulate_obviously(scenario: Scenario, strategy: type[Strategy], seed: int) -> None:
    """The same world and the same clients, but a timer and a task for every request."""
    recorder = Recorder()
    recorder.begin()
    cluster = Cluster(scenario, strategy, seed, recorder)
    asks = clients(scenario, seed, 0.0)
    running = asyncio.get_running_loop()

    async def ask() -> None:
        one = asks.take()
        pod = cluster.pods[one.turn % len(cluster.pods)]
        answer = await asyncio.create_task(pod.answer(one.key))
        recorder.answer(one.intended_s, running.time(), one.key, pod.number, answer.code, answer.status, answer.age_s)
        asks.answered(one, running.time())

    on_their_way: set[asyncio.Task[None]] = set()
    while on_their_way or asks.due_s < float("inf"):
        if asks.due_s == float("inf"):
            await asyncio.wait(on_their_way, return_when=asyncio.FIRST_COMPLETED)
            continue
        await asyncio.sleep(max(0.0, asks.due_s - running.time()))
        task = running.create_task(ask())
        on_their_way.add(task)
        task.add_done_callback(on_their_way.discard)
        await asyncio.sleep(0)
    await cluster.aclose()
    recorder.trace()
