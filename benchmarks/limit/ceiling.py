"""The rate that this machine can send honestly: the highest rate of an open loop that its own generator did not spoil.

The load goes to a server that answers at once, from one generator process and from as many as there are cores. Rates
double until a step is no result, then close in. Beside it, how much more a generator in C gets out of the same server.
"""

import asyncio
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.limit.busy import Busy, busy_for
from benchmarks.limit.search import Search
from loadtest.figures.generator_record import GeneratorRecord, read_generator, what_is_due
from loadtest.figures.histogram import Histogram
from loadtest.figures.records import read_answers
from loadtest.workload.scenario import Scenario
from loadtest.workload.scenario_tables import CacheTable, OriginTable
from loadtest.workload.traffic import Keys, Load
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.locust_command import start_locust
from loadtest.worlds.python_server import Server, start_server
from loadtest.worlds.world import WorldFailed

STEP_S = 5
BUDGET_S = 100.0
"""The time after which no step begins, so that all of it ends within two minutes."""
FIRST_RATE = 2_000.0  # requests/s
P99_MS_MAX = 20.0
"""The shortest time that an origin of the lab's scenarios takes: beyond it, a hit would look like a miss."""
STEP_OVERTIME_S = 30.0
BEGIN_S = 1.0
"""The beginning of a step, in which processes still start."""
LOOK_EVERY_S = 0.1
BUSY_SHARE_MIN = 0.9
"""The share of a core, or of all, beyond which a part has none left."""
OTHERS_SHARE_MAX = 0.2
"""The share of all cores that other programs may have in a measurement of this machine."""
C_GENERATORS = {"wrk": "wrk -t1 -c64 -d{seconds}s {url}", "hey": "hey -cpus 1 -c 64 -z {seconds}s {url}"}


@dataclass(frozen=True, slots=True)
class RateStep:
    """The outcome of one rate, sent for `STEP_S`."""

    processes: int
    rate: float  # requests/s that were asked for
    achieved_rate: float
    p99_ms: float  # from the intended start
    generator: GeneratorRecord
    faults: list[str]  # why it is no result
    busy: Busy

    @property
    def cost_us(self) -> float:
        """The CPU time per request of the generator's busiest process, microseconds."""
        generator = self.generator
        return generator.cpu_share * generator.wall_s * generator.processes / max(1, generator.sent) * 1e6

    @property
    def limited_by(self) -> str:
        """The part that had no CPU left, or `waiting` where all had some; empty for a rate that held."""
        if not self.faults:
            return ""
        if self.busy.server_share > BUSY_SHARE_MIN:
            return "the server"
        if self.generator.cpu_share > BUSY_SHARE_MIN:
            return "the generator"
        if self.busy.machine_share <= BUSY_SHARE_MIN:
            return "waiting"
        cores = os.cpu_count() or 1
        own_share = (self.busy.server_share + self.generator.cpu_share * self.processes) / cores
        return "other programs" if self.busy.machine_share - own_share > OTHERS_SHARE_MAX else "the machine"


@dataclass(frozen=True, slots=True)
class Limit:
    """The steps that were tried, in order."""

    steps: tuple[RateStep, ...]
    c_generator: str | None  # its name; None: none is installed
    c_rate: float  # requests/s that it gets with 64 connections

    def honest_rate(self, processes: int) -> float:
        """Requests/s, the highest that was a result; 0 where none was."""
        honest = [step.rate for step in self.steps if step.processes == processes and not step.faults]
        return max(honest, default=0.0)

    @property
    def limiting(self) -> RateStep | None:
        """The lowest rate that the best number of processes could not send; None where it could send all."""
        best = self.processes
        failed = [step for step in self.steps if step.processes == best and step.faults]
        return min(failed, key=lambda step: step.rate, default=None)

    @property
    def processes(self) -> int:
        """The number of processes with which the machine sends most."""
        return max({step.processes for step in self.steps}, key=lambda number: (self.honest_rate(number), -number))


Tell = Callable[[RateStep], None]


async def find_limit(seed: int = 1, tell: Tell = lambda step: None) -> Limit:
    """The limit of this machine, found within two minutes; `tell` gets each step. Raises `WorldFailed`."""
    give_up_s = time.monotonic() + BUDGET_S
    steps: list[RateStep] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Children() as children:
            server = await start_server(children, "instant", "benchmarks.limit.instant", {}, folder)
            c_generator = next(filter(shutil.which, C_GENERATORS), None)
            c_rate = await _c_rate(children, folder, server, c_generator) if c_generator else 0.0
            first_rate = FIRST_RATE
            for processes in sorted({1, os.cpu_count() or 1}):
                search = Search(first_rate)
                while (rate := search.rate) is not None and time.monotonic() < give_up_s:
                    into = folder / str(len(steps))
                    into.mkdir()
                    steps.append(await _step(children, into, server, rate, processes, seed))
                    tell(steps[-1])
                    search.found(held=not steps[-1].faults)
                first_rate = search.held or FIRST_RATE
    return Limit(tuple(steps), c_generator, c_rate)


def instant_scenario(title: str, duration_s: float, rate_per_s: float) -> Scenario:
    """An open loop for `benchmarks.limit.instant`, which has neither cache nor origin."""
    return Scenario(
        name="instant",
        title=title,
        duration_s=duration_s,
        pods=1,
        load=Load(loop="open", rate_per_s=rate_per_s),
        keys=Keys(count=100),
        cache=CacheTable(ttl_s=1),
        origin=OriginTable(latency="fixed(0)", connections=1),
    )


async def _step(children: Children, into: Path, server: Server, rate: float, processes: int, seed: int) -> RateStep:
    scenario = instant_scenario("As fast as it goes", STEP_S, rate)
    path = into / "scenario.json"
    path.write_text(scenario.model_dump_json())
    started = await start_locust(children, path, scenario.load, "instant", seed, [server.url], into, STEP_S, processes)
    watching = asyncio.create_task(_busy(server, into))
    try:
        await _ended(children, started)
        busy = await watching
    finally:
        watching.cancel()
    generator = read_generator(into)
    if generator is None:
        raise WorldFailed(f"the generator left no record:\n{(into / 'locust.log').read_text()}")
    p99_ms = _p99_ms(into)
    faults = generator.faults(what_is_due(scenario, seed), generator.sent)
    if p99_ms > P99_MS_MAX:
        faults.append(f"p99 is {p99_ms:.0f} ms at a server that answers at once (up to {P99_MS_MAX:.0f} ms is fair)")
    return RateStep(processes, rate, generator.sent / STEP_S, p99_ms, generator, faults, busy)


async def _busy(server: Server, into: Path) -> Busy:
    """The CPU that is used in the middle of a step, which has begun when its record is there."""
    for _ in range(round(STEP_OVERTIME_S / LOOK_EVERY_S)):
        if _has_begun(into):
            break
        await asyncio.sleep(LOOK_EVERY_S)
    await asyncio.sleep(BEGIN_S)
    return await busy_for(server.pid, STEP_S - BEGIN_S)


def _has_begun(folder: Path) -> bool:
    return any(folder.glob("answers-*.csv"))


def _p99_ms(folder: Path) -> float:
    latency = Histogram()
    for chunk in read_answers(sorted(folder.glob("answers-*.csv"))):
        latency.add(chunk.latency_s)
    return latency.percentile_s(0.99) * 1000


async def _c_rate(children: Children, folder: Path, server: Server, name: str) -> float:
    command = C_GENERATORS[name].format(seconds=STEP_S, url=f"{server.url}/instant/data?id=1").split()
    log = folder / f"{name}.log"
    await _ended(children, [await children.start(name, command, log)])
    if not (found := re.search(r"Requests/sec:\s+([\d.]+)", log.read_text())):
        raise WorldFailed(f"{name} does not say how much it sent:\n{log.read_text()}")
    return float(found[1])


async def _ended(children: Children, started: list[Child]) -> None:
    """Waits until all have ended by themselves. Raises `WorldFailed` for an exit code that is not 0."""
    try:
        async with asyncio.timeout(STEP_S + STEP_OVERTIME_S):
            for child in started:
                await child.process.wait()
    except TimeoutError:
        pass  # said below
    for child in started:
        if child.process.returncode != 0:
            raise WorldFailed(f"{child.name} {child.how_it_ended}:\n{child.last_words()}")
    for child in started:
        await children.discard(child)
