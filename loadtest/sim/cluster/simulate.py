"""A simulated run: its history, which takes place as it is read."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from app.discovery import discover
from app.strategy import Strategy
from loadtest.figures.history import Chunk, Ending
from loadtest.figures.incident import Incident
from loadtest.figures.net_acts import BREAKER_OPENED, some
from loadtest.figures.run_summary import RunSummary, Series
from loadtest.figures.summarise import summarise
from loadtest.sim.cluster.clients import clients
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.events import Observer
from loadtest.sim.cluster.fault_injector import FaultInjector
from loadtest.sim.cluster.patience import WAITING_MAX
from loadtest.sim.cluster.pod_cpu import BusyLoop, needs_cpu
from loadtest.sim.cluster.pure_hits import PureHits
from loadtest.sim.cluster.raw_records import RawRecords
from loadtest.sim.cluster.recorder import CHUNK, Recorder
from loadtest.sim.cluster.tolerances import SETTLE_S
from loadtest.sim.cluster.traffic import Traffic
from loadtest.sim.cluster.tuning import Tuning
from loadtest.sim.cluster.violation import Invariant, Violation
from loadtest.sim.cluster.warming import Warming
from loadtest.sim.cluster.writer import Writer
from loadtest.sim.kernel.loop import VirtualLoop, run_in_steps
from loadtest.sim.progress import at_work
from loadtest.sim.wire.surroundings import LibrarySurroundings
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario

DEADLINE_S = 600.0
"""Virtual seconds after the load's end beyond which a run counts as hanging."""
GC_FIRST_THRESHOLD, GC_SECOND_THRESHOLD = 50_000, 100


class SimulatedHistory:
    """A history that is the same to the last byte in any process on any machine. Implements `History`."""

    world = "virtual"

    def __init__(
        self,
        run: PlannedRun,
        strategy: type[Strategy] | None = None,
        shuffle_seed: int | None = None,
        observers: Sequence[Observer] = (),
        records: Path | None = None,
        by_array: bool = True,
        chunk: int = CHUNK,
    ) -> None:
        """Plan the run; without a `strategy`, the one of that name is discovered where the history is read.

        `observers` subscribe to its events. `records` is the experiment's folder for everything that is written down.
        Without `by_array` every hit is simulated on its own, which takes ten times as long and gives the same history.
        A `chunk` has so many answers: a reader who may stop early wants them small. The trace's hash depends on it.
        """
        self.run = self._planned = run
        self._strategy, self._shuffle_seed = strategy, shuffle_seed
        self._observers, self._records, self._by_array, self._chunk = observers, records, by_array, chunk
        self.start_s = 0.0
        self.oldest_s: float | None = None
        self.violation: Violation | None = None
        self.was_by_array = False
        """Whether pure hits were answered by array; where they cannot be, each is simulated in any case."""
        self._ending = Ending()

    def chunks(self) -> Iterator[Chunk]:
        """Implements `History.chunks`. Raises `VirtualTimeError` where the run cannot go on: a deadlock, or no end."""
        strategy = self._strategy or _discovered(self.run.strategy)
        self.run = run = _at_its_depth(self.run, strategy)
        self.oldest_s = run.scenario.stated(strategy).oldest_while_well_s()
        kind = BusyLoop if needs_cpu(run.scenario) else VirtualLoop
        client = run.scenario.client
        retrying_s = client.delays_s_max + client.retries * (client.timeout_s or 0.0)
        loop = kind(run.scenario.duration_s + retrying_s + DEADLINE_S, self._shuffle_seed)
        if strategy.over_the_wire:
            loop.surroundings = LibrarySurroundings(loop, seed=run.seed)
        raw = None if self._records is None else RawRecords(self._records, run, self.oldest_s)
        recorder = Recorder(loop.stop, raw, self._chunk)
        try:
            with rare_collections(), at_work(loop, run.scenario.duration_s):
                for _ in run_in_steps(loop, self._play(strategy, recorder, raw)):
                    while recorder.chunks:
                        yield recorder.chunks.popleft()
            yield from recorder.chunks
        finally:
            if raw is not None:
                raw.close()

    def ending(self) -> Ending:
        """Implements `History.ending`."""
        return self._ending

    def simulated(self) -> "Simulated":
        """The figures of the run, and its violation if there is one. Raises as `chunks`."""
        row, series = summarise(self)
        return Simulated(row, series, self.violation)

    async def _play(self, strategy: type[Strategy], recorder: Recorder, raw: RawRecords | None) -> None:
        scenario, seed = self.run.scenario, self.run.seed
        is_library = strategy.over_the_wire  # what it does is a figure, and breaks no promise of the lab's
        running = asyncio.get_running_loop()
        cluster = Cluster(scenario, strategy, seed, recorder, self._observers)
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
        self.start_s = running.time()
        recorder.begin()
        if raw is not None:
            raw.begin(self.start_s)
        warming = Warming(cluster, self.start_s)
        hits = PureHits.of(cluster, recorder, self.start_s) if self._by_array else None
        self.was_by_array = hits is not None
        traffic = Traffic(cluster, hits or clients(scenario, seed, self.start_s), recorder)
        FaultInjector(cluster, traffic, self.start_s)
        writer = None if scenario.writes is None else Writer(cluster, recorder, self.start_s)
        tuning = Tuning(cluster)
        await traffic.over
        await warming.aclose()
        await tuning.aclose()
        await asyncio.sleep(SETTLE_S)
        for left in _left_in(cluster):
            invariants.report(Invariant.NOTHING_LEFT, left)
        cluster.outage_invariants.settled(cluster.pods, cluster.redis)
        breakers = [guard.breaker for pod in cluster.pods if (guard := pod.runner.guard) and guard.breaker]
        opened = sum(breaker.opened for breaker in breakers)
        await cluster.aclose()
        tasks = asyncio.all_tasks() - {asyncio.current_task()} | {*cluster.loop.started}
        if tasks:
            invariants.report(Invariant.NOTHING_LEFT, f"tasks: {', '.join(sorted(task.get_name() for task in tasks))}")
        trace = recorder.trace()
        incidents = [] if invariants.violation is None else [Incident(str(invariants.violation), not is_library)]
        self.violation = None if is_library else invariants.violation
        incidents += _not_done(scenario, traffic, warming, writer)
        acts = some([*recorder.net_acts.items(), (BREAKER_OPENED, opened)])
        self._ending = Ending(
            incidents,
            self._notes(traffic),
            recorder.failures,
            redis_commands=cluster.redis_commands,
            net_acts=acts,
            local_hits=cluster.local_hits,
            trace=trace,
        )
        if raw is not None:
            raw.end(self._ending)

    def _notes(self, traffic: Traffic) -> list[str]:
        notes = [f"{traffic.too_late:,} answers came after their clients had given up"] if traffic.too_late else []
        if self._planned.scenario.virtual.redis != self.run.scenario.virtual.redis:
            took = f"a command took {self.run.scenario.virtual.redis} ms"
            notes.append(f"{took}: virtual.redis is 0, at which a library that polls would not end")
        return notes


def _not_done(scenario: Scenario, traffic: Traffic, warming: Warming, writer: Writer | None) -> Iterator[Incident]:
    """The parts of the load that did not take place."""
    if traffic.not_sent:
        bound = f"in_flight_max ({scenario.load.in_flight_max})"
        yield Incident(f"{traffic.not_sent} requests were not sent: {bound}")
    for what in warming.not_ready:
        yield Incident(what, spoils=False)
    if writer is not None and writer.not_made:
        yield Incident(f"{writer.not_made} writes were not made: no pod was there", spoils=False)
    if traffic.retries_not_sent:
        bound = f"in_flight_max ({scenario.load.in_flight_max}), or {WAITING_MAX:,} that wait"
        yield Incident(f"{traffic.retries_not_sent:,} retries were not sent: {bound}")


def _left_in(cluster: Cluster) -> Iterator[str]:
    """Texts about everything that is still under way."""
    for pod in cluster.pods:
        yield from pod.left()
        yield from pod.way.left()
    if cluster.pooler is not None:
        yield from cluster.pooler.left(cluster.store.reading)


def _discovered(name: str) -> type[Strategy]:
    found = discover(references=True, wrong=True, contenders=name)
    if (strategy := found.runnable.get(name)) is None:
        raise ValueError(f"no strategy {name!r} in the worker: {found.broken.get(name, 'no file')}")
    return strategy


def _at_its_depth(run: PlannedRun, strategy: type[Strategy]) -> PlannedRun:
    """The run at the depth that its strategy needs. Raises ValueError for one that cannot run in virtual time."""
    if strategy.not_virtual:
        raise ValueError(f"{strategy.name}: {strategy.not_virtual}")
    return replace(run, scenario=run.scenario.for_library()) if strategy.over_the_wire else run


class Simulated(NamedTuple):
    """The figures of a run, and its violation if there is one."""

    row: RunSummary
    series: Series
    violation: Violation | None


def simulate(
    scenario: Scenario,
    strategy: type[Strategy],
    seed: int,
    shuffle_seed: int | None = None,
    observers: Sequence[Observer] = (),
    by_array: bool = True,
) -> Simulated:
    """Run a strategy that need not be discovered, here and now. Raises as `SimulatedHistory.chunks`."""
    run = PlannedRun(scenario, strategy.name, seed)
    return SimulatedHistory(run, strategy, shuffle_seed, observers, by_array=by_array).simulated()


async def _warm(cluster: Cluster) -> None:
    """Ask for every key at the same moment, the pods in turn, or as soon as a pod takes it where that is later."""
    pods = cluster.pods
    keys = range(cluster.scenario.keys.count)
    at_once = len(pods) * cluster.scenario.loads_let_in

    async def ask(first: int) -> None:
        for key in keys[first::at_once]:
            pod = pods[key % len(pods)]
            await pod.run(asyncio.ensure_future, pod.answer(key))

    if len(keys) > at_once:
        await asyncio.gather(*(ask(first) for first in range(at_once)))
    else:
        asked = ((pods[key % len(pods)], key) for key in keys)
        await asyncio.gather(*(pod.run(asyncio.ensure_future, pod.answer(key)) for pod, key in asked))


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage rarely in the block: a collection takes longer than a small simulation, and is seldom needed."""
    if gc.get_threshold()[0] == GC_FIRST_THRESHOLD:
        yield
        return
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GC_FIRST_THRESHOLD, GC_SECOND_THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
