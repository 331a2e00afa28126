"""The speed of virtual time: requests per CPU second in a fresh process, beside the obvious way to simulate the same.

Each figure is the best of a few processes, because other work on the machine can only slow one down.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from app.discovery import discover
from app.strategy import Strategy
from loadtest.sim.cluster.clients import NEVER_S, clients
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.cluster.simulate import rare_collections, simulate
from loadtest.sim.kernel import loop
from loadtest.workload.scenario import Scenario, read_scenario

PROCESSES = 3
OBVIOUS_S = 15.0
"""The length of the run that is simulated in the obvious way, which would take minutes for some."""


class Bench(NamedTuple):
    """A run whose speed is measured."""

    what: str
    scenario: Scenario
    strategy: str


class Speed(NamedTuple):
    """The speed of a run in virtual time."""

    requests: int
    per_cpu_s: float


def benches() -> Iterator[Bench]:
    """The runs that tell what virtual time costs: hits, misses, flights and pods."""
    many_keys, jitterbug, million = map(read_scenario, ("many-keys", "jitterbug", "million"))
    yield Bench("many keys", many_keys, "static")
    yield Bench("many keys", many_keys, "singleflight")
    yield Bench("Jitterbug's load", jitterbug, "static")
    cold = {"keys": many_keys.keys.model_copy(update={"count": 100_000}), "load": _at(many_keys, 4_000)}
    yield Bench("100,000 keys, 70 % misses", many_keys.model_copy(update=cold), "static")
    for pods in (10, 1_000):
        calmer = {"pods": pods, "load": _at(million, 50_000)}
        yield Bench(f"{pods:,} pods", million.model_copy(update=calmer), "singleflight")


def _at(scenario: Scenario, rate_per_s: float) -> object:
    return scenario.load.model_copy(update={"rate_per_s": rate_per_s})


def measure(bench: Bench, seed: int, by_array: bool = True) -> Speed:
    """The best speed of a few runs, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as fresh:
        speeds = [fresh.submit(measure_here, bench, seed, by_array).result() for _ in range(PROCESSES)]
    return max(speeds, key=lambda speed: speed.per_cpu_s)


def measure_obvious(bench: Bench, seed: int) -> Speed:
    """The speed of the obvious way, of the first seconds of the run, here."""
    scenario = bench.scenario.model_copy(update={"duration_s": min(OBVIOUS_S, bench.scenario.duration_s)})
    strategy = discover(references=True, wrong=True).runnable[bench.strategy]
    with rare_collections():
        began_s = time.process_time()
        requests = loop.run(_simulate_obviously(scenario, strategy, seed), scenario.duration_s + 60)
        return Speed(requests, requests / (time.process_time() - began_s))


def measure_here(bench: Bench, seed: int, by_array: bool = True) -> Speed:
    """The speed of one run in this process."""
    strategy = discover(references=True, wrong=True).runnable[bench.strategy]
    began_s = time.process_time()
    requests = simulate(bench.scenario, strategy, seed, by_array=by_array).row.requests
    return Speed(requests, requests / (time.process_time() - began_s))


async def _simulate_obviously(scenario: Scenario, strategy: type[Strategy], seed: int) -> int:
    """The same world and the same clients, but a timer and a task for every request; returns how many there were."""
    recorder = Recorder()
    recorder.begin()
    cluster = Cluster(scenario, strategy, seed, recorder)
    asks = clients(scenario, seed, 0.0)
    running = asyncio.get_running_loop()

    async def ask() -> None:
        one = asks.take()
        assert one is not None
        pod = cluster.pods[one.turn % len(cluster.pods)]
        answer = await asyncio.create_task(pod.answer(one.key))
        recorder.answer(one.intended_s, running.time(), one.key, pod.number, answer.code, answer.status, answer.age_s)
        asks.answered(one, running.time())

    on_their_way: set[asyncio.Task[None]] = set()
    while on_their_way or asks.due_s() < NEVER_S:
        if asks.due_s() == NEVER_S:
            await asyncio.wait(on_their_way, return_when=asyncio.FIRST_COMPLETED)
            continue
        await asyncio.sleep(max(0.0, asks.due_s() - running.time()))
        task = running.create_task(ask())
        on_their_way.add(task)
        task.add_done_callback(on_their_way.discard)
        await asyncio.sleep(0)
    await cluster.aclose()
    recorder.trace()
    return recorder.requests
