"""One strategy through one scenario in virtual time: its figures, its course and the hash of all that happened."""

import asyncio
import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.figures.failures import failures_found
from loadtest.figures.run_summary import Row, Series, assumed_figures
from loadtest.figures.tally import new_tally
from loadtest.sim.cluster.clients import clients
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.events import Observer
from loadtest.sim.cluster.fault_injector import FaultInjector
from loadtest.sim.cluster.raw_records import RawRecords
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.cluster.tolerances import SETTLE_S
from loadtest.sim.cluster.traffic import Traffic
from loadtest.sim.cluster.violation import Invariant, Violation
from loadtest.sim.kernel import loop
from loadtest.workload.scenario import Scenario

DEADLINE_S = 600.0
"""Virtual time beyond the load's own; who needs longer hangs."""
GC_FIRST_THRESHOLD = 50_000


class Outcome(NamedTuple):
    """Of one run."""

    row: Row
    series: Series
    violation: Violation | None


def simulate(
    scenario: Scenario,
    strategy: type[Strategy],
    seed: int,
    shuffle_seed: int | None = None,
    observers: Iterable[Observer] = (),
    raw: RawRecords | None = None,
) -> Outcome:
    """The same arguments give the same outcome to the last byte, in any process on any machine. With `raw` everything
    is written down there too; `observers` subscribe to its events.

    Raises `loadtest.sim.kernel.loop.VirtualTimeError` where the run cannot go on: a deadlock, or no end.
    """
    with rare_collections():
        work = _play(scenario, strategy, seed, observers, raw)
        return loop.run(work, scenario.duration_s + DEADLINE_S, shuffle_seed)


async def _play(
    scenario: Scenario, strategy: type[Strategy], seed: int, observers: Iterable[Observer], raw: RawRecords | None
) -> Outcome:
    running = asyncio.get_running_loop()
    recorder = Recorder(raw)
    cluster = Cluster(scenario, strategy, seed, recorder, observers)
    invariants = cluster.invariants
    running.set_exception_handler(
        lambda _, seen: invariants.report(Invariant.NOTHING_LEFT, f"an error that nobody saw: {seen}")
    )
    recorder.checks.append(cluster.observers.emit)
    for pod in cluster.pods:
        await pod.start()
    if scenario.warm.keys == "burst":
        await _warm(cluster)
        await asyncio.sleep(scenario.warm.lead_s)
    start_s = running.time()
    tally = new_tally(scenario, start_s, scenario.stated(strategy).oldest_s())
    recorder.begin(tally)
    if raw is not None:
        raw.begin(start_s)
    traffic = Traffic(cluster, clients(scenario, seed, start_s), recorder)
    FaultInjector(cluster, traffic, start_s)
    await traffic.over
    await asyncio.sleep(SETTLE_S)
    for left in (left for pod in cluster.pods for left in pod.left()):
        invariants.report(Invariant.NOTHING_LEFT, left)
    for left in [] if cluster.pooler is None else cluster.pooler.left():
        invariants.report(Invariant.NOTHING_LEFT, left)
    await cluster.aclose()
    tasks = asyncio.all_tasks() - {asyncio.current_task()} | {*cluster.loop.started}
    if tasks:
        invariants.report(Invariant.NOTHING_LEFT, f"tasks: {', '.join(sorted(task.get_name() for task in tasks))}")
    trace = recorder.trace()
    violation = invariants.violation
    events = [] if violation is None else [str(violation)]
    if traffic.not_sent:
        events.append(f"{traffic.not_sent} requests were not sent: in_flight_max ({scenario.load.in_flight_max})")
    broken = failures_found(recorder.failures, scenario, tally.origin.failed)
    row = tally.row(
        scenario=scenario.name,
        strategy=strategy.name,
        world="virtual",
        seed=seed,
        pods=scenario.pods,
        loop=scenario.load.loop,
        target_rate=scenario.target_rate,
        events=[*events, *broken.events],
        valid=not events and not broken.moved_a_figure,
        trace=trace,
    )
    if not scenario.virtual.service_us:
        row = replace(row, assumed=assumed_figures(row))
    if raw is not None:
        raw.end(row)
    return Outcome(row, tally.series(), violation)


async def _warm(cluster: Cluster) -> None:
    """Every key is asked for once, all at the same moment, any pod for any key."""
    pods = cluster.pods
    asked = [pods[key % len(pods)].answer(key) for key in range(cluster.scenario.keys.count)]
    await asyncio.gather(*asked)


@contextmanager
def rare_collections() -> Iterator[None]:
    """A simulation makes little garbage that needs the collector, and much that makes it run. A collection takes longer
    than a small run: put it around many of those, then it is one for all."""
    if gc.get_threshold()[0] == GC_FIRST_THRESHOLD:
        yield
        return
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GC_FIRST_THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
