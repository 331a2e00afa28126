"""The native bench: one strategy through a scenario, in a fresh world of its own, recorded."""

import asyncio
import json
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.discovery import discover
from loadtest.figures import redis_info as redis_says
from loadtest.figures.from_records import Measured, failed_arm, turn_figures
from loadtest.figures.redis_commands import AFTER, BEFORE
from loadtest.figures.run_folder import RunRecord, write_whole
from loadtest.workload.planned_run import Turn
from loadtest.workload.scenario import Scenario
from loadtest.workload.seeds import run_seed
from loadtest.workload.trace import scenario_json
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.lease import Lease
from loadtest.worlds.ledger_collector import LedgerFile
from loadtest.worlds.locust_command import start_locust
from loadtest.worlds.warm_burst import ask_for_all
from loadtest.worlds.world import OpenWorld, World, WorldFailed, clock_offset_s

POLL_S = 1.0
WARM_WITHIN_S = 30.0
LOCUST_OVERTIME_S = 40.0
"""Beyond the stated duration; a generator that needs longer hangs."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an arm is."""

    strategy: str
    elapsed_s: float
    origin_reads: int
    origin_peak_1s: int
    events: Sequence[str]


Tell = Callable[[Progress], None]


async def measure_arm(
    scenario: Scenario,
    turn: Turn,
    seed: int,
    folder: Path,
    tell: Tell,
    open_world: OpenWorld,
    lease: Lease | None = None,
    world: str = "native",
) -> Measured:
    """`run_arm` and its figures. Where it fails, a row that is no result and says why: the rest of the run goes on.
    `world` names the one that is opened, for the row of a world that does not even do that."""
    try:
        raw = await run_arm(scenario, turn, seed, folder, tell, open_world, lease)
        return turn_figures(raw, scenario, turn)
    except Exception as error:  # whatever it is, it is this arm's alone
        raw = folder / "raw" / turn.label
        try:
            (raw / "failure.log").write_text(traceback.format_exc(), encoding="utf-8")
        except OSError:
            pass  # the same reason may be why it failed
        known = isinstance(error, WorldFailed | OSError | ValueError)
        reason = str(error) if known else f"{type(error).__name__}: {error}; see failure.log among its records"
        return failed_arm(scenario, turn, run_seed(seed, turn.repeat), world, reason)


async def run_arm(
    scenario: Scenario,
    turn: Turn,
    seed: int,
    folder: Path,
    tell: Tell,
    open_world: OpenWorld,
    lease: Lease | None = None,
) -> Path:
    """Put one strategy through the scenario. The folder of its records, inside the run's `folder`.

    Raises `WorldFailed` when the world does not come up. What breaks later is an event of the run.
    """
    raw = folder / "raw" / turn.label
    raw.mkdir(parents=True)
    strategy, scenario, seed = turn.strategy, turn.scenario(scenario), run_seed(seed, turn.repeat)
    write_whole(raw / "scenario.json", scenario_json(scenario, raw, folder))
    async with (
        open_world(scenario, strategy, seed, raw) as world,
        httpx.AsyncClient(timeout=WARM_WITHIN_S, trust_env=False) as client,
    ):
        record = RunRecord(
            scenario=scenario.name,
            strategy=turn.name,
            world=world.name,
            seed=seed,
            repeat=turn.repeat,
            pods=scenario.pods,
            loop=scenario.load.loop,
            duration_s=scenario.duration_s,
            target_rate=scenario.target_rate,
            clock_offset_s=await clock_offset_s(world.redis_url),
            oldest_s=_promise(strategy, scenario),
            is_over=False,
        )
        record.write(raw)
        await _keep_redis(world, raw / redis_says.BEFORE)
        if scenario.warm.keys == "burst":
            burst = await ask_for_all(world.pod_urls, strategy, scenario.keys.count)
            record.warmed_s, record.warm_spread_s = burst.last_s, round(burst.spread_s, 3)
            record.events += burst.events(scenario)
        with LedgerFile(client, world.pod_urls, raw / "ledger.csv") as ledger:
            record.write(raw)
            await ledger.skip()
            await _keep_metrics(client, world, raw, BEFORE)
            locust, *_ = await start_locust(
                world.children,
                raw / "scenario.json",
                scenario.load,
                strategy,
                seed,
                world.pod_urls,
                raw,
                scenario.duration_s,
            )
            try:
                await _watch(locust, scenario, world.children, record, ledger, raw, tell)
                await ledger.drain()
                record.is_over = True
            finally:
                for url in ledger.silent_urls:
                    record.events.append(f"{url} did not answer at the end of the run")
                if lease is not None and lease.taken_by:
                    record.events.append(f"Redis was taken over meanwhile by {lease.taken_by}")
                if ledger.dropped:
                    record.events.append(f"{ledger.dropped} origin reads did not fit into the pods' ledgers")
                record.write(raw)
        await _keep_redis(world, raw / redis_says.AFTER)
        await _keep_metrics(client, world, raw, AFTER)
    return raw


def _promise(strategy: str, scenario: Scenario) -> float | None:
    """None where only the pods have such a strategy."""
    found = discover(bounds=True).runnable.get(strategy)
    return None if found is None else scenario.stated(found).oldest_s()


async def _watch(
    locust: Child,
    scenario: Scenario,
    children: Children,
    record: RunRecord,
    ledger: LedgerFile,
    raw: Path,
    tell: Tell,
) -> None:
    """Until the load has ended: collect the ledgers, tell how far it is, note what falls."""
    began_s = time.monotonic()
    fallen: set[str] = set()
    while not locust.ended:
        elapsed_s = time.monotonic() - began_s
        for child in children.fallen():
            if child.name not in fallen:
                fallen.add(child.name)
                record.events.append(f"{child.name} {child.how_it_ended} about {elapsed_s:.0f} s into the run")
        await ledger.fetch()
        tell(Progress(raw.name, elapsed_s, ledger.reads, ledger.peak_1s(), record.events))
        if elapsed_s > scenario.duration_s + LOCUST_OVERTIME_S:
            record.events.append(f"the load did not end within {LOCUST_OVERTIME_S:g} s of its time")
            await children.end(locust)
        try:
            async with asyncio.timeout(POLL_S):
                await locust.process.wait()
        except TimeoutError:
            pass
    if locust.process.returncode != 0:
        record.events.append(f"locust {locust.how_it_ended}: {locust.last_words(1)}")


async def _keep_redis(world: World, path: Path) -> None:
    write_whole(path, json.dumps(await redis_says.what_it_says(world.redis_url), indent=2))


async def _keep_metrics(client: httpx.AsyncClient, world: World, raw: Path, when: str) -> None:
    for number, url in enumerate(world.pod_urls, start=1):
        try:
            answer = await client.get(f"{url}/metrics")
            (raw / f"{when}pod-{number}.prom").write_bytes(answer.content)
        except httpx.HTTPError:
            pass  # the pod fell: see the run's events
