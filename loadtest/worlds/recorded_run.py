"""A run of real processes: a system that is as new, a load, and the records of both."""

import asyncio
import json
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType

import httpx

from app.discovery import discover
from loadtest.figures import redis_info
from loadtest.figures.incident import Incident
from loadtest.figures.load_begin import read_begin
from loadtest.figures.pod_costs import MEMORY, peak_of_process
from loadtest.figures.proxy_costs import PROXIES
from loadtest.figures.recorded_history import WRITES, RecordedHistory
from loadtest.figures.redis_commands import AFTER, BEFORE, EARLIER
from loadtest.figures.run_folder import FAILURE, RunRecord
from loadtest.figures.whole_file import write_whole
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.trace import scenario_json
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.farewells import Farewells
from loadtest.worlds.lease import Lease, sole_user
from loadtest.worlds.ledger_collector import LedgerFile
from loadtest.worlds.locust_command import start_locust
from loadtest.worlds.planned_faults import PlannedFaults
from loadtest.worlds.planned_warming import PlannedWarming
from loadtest.worlds.planned_writes import PlannedWrites
from loadtest.worlds.system import OpenSystem, System, clock_offset_s
from loadtest.worlds.warm_burst import ask_for_all
from loadtest.worlds.world import OnProgress, Progress, Records, WorldFailed

POLL_S = 1.0
WARM_WITHIN_S = 30.0
BEGIN_WITHIN_S = 40.0
"""Seconds within which Locust states when its load begins."""
BEGIN_LOOK_S = 0.02
LOCUST_OVERTIME_S = 40.0
"""Seconds that Locust may take beyond the stated duration before it counts as hanging."""


class RecordedWorld:
    """A world of real processes: each run has a system that is as new, and leaves its records on disk.

    Implements `World`. It holds the lease of a Redis that was there before for as long as it is open.
    """

    executor = None
    runs_at_once = 1

    def __init__(
        self,
        name: str,
        open_system: OpenSystem,
        records: Records,
        command: str = "",
        owned: AbstractAsyncContextManager[object] | None = None,
    ) -> None:
        """`owned` is open for as long as the world is, such as the owner of the systems that it opens."""
        self.name, self._open_system, self._records = name, open_system, records
        self._command, self._owned = command, owned
        self._lease: Lease | None = None

    async def __aenter__(self) -> "RecordedWorld":
        async with AsyncExitStack() as entered:
            self._lease = await entered.enter_async_context(sole_user(self._command))
            if self._owned is not None:
                await entered.enter_async_context(self._owned)
            self._open = entered.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._open.__aexit__(kind, error, trace)

    async def run(self, run: PlannedRun, on_progress: OnProgress) -> RecordedHistory:
        """Implements `World.run`; an unforeseen error leaves its traceback among the records."""
        folder = self._records(run)
        raw = folder / "raw" / run.label
        try:
            raw.mkdir(parents=True)
            await self._record(run, raw, folder, on_progress)
        except Exception as error:
            with suppress(OSError):  # the same reason may be why it failed
                (raw / FAILURE).write_text(traceback.format_exc(), encoding="utf-8")
            if isinstance(error, WorldFailed | OSError | ValueError):
                raise
            raise WorldFailed(f"{type(error).__name__}: {error}; see {FAILURE} among its records") from error
        return RecordedHistory(raw, run)

    async def _record(self, run: PlannedRun, raw: Path, folder: Path, on_progress: OnProgress) -> None:
        """Record one load. Raises `WorldFailed` when the system does not come up; what breaks later is an incident."""
        scenario = run.scenario
        write_whole(raw / "scenario.json", scenario_json(scenario, raw, folder))
        async with (
            self._open_system(run, raw) as system,
            httpx.AsyncClient(timeout=WARM_WITHIN_S, trust_env=False, verify=False) as client,
        ):
            offset_s = await clock_offset_s(system.redis_url)
            record = RunRecord.of(
                run, self.name, clock_offset_s=offset_s, oldest_s=_promise(run), notes=[*system.notes]
            )
            record.incidents += (Incident(remark, spoils=False) for remark in system.remarks)
            if system.last_run is not None:
                record.are_pods_kept = True
                _keep_last_metrics(system.last_run, raw)
            record.write(raw)
            await _keep_redis(system, raw / redis_info.BEFORE)
            if scenario.warm.keys == "burst":
                burst = await ask_for_all(
                    system.asked_urls,
                    run.strategy,
                    scenario.keys.count,
                    scenario.loads_let_in,
                    each_all=system.proxies is not None,
                )
                record.warmed_s, record.warm_spread_s = burst.last_s, round(burst.spread_s, 3)
                record.incidents += map(Incident, burst.incidents(scenario))
            with LedgerFile(client, system.pod_urls, raw / "ledger.csv") as ledger:
                record.write(raw)
                await ledger.skip()
                await _keep_metrics(client, system, raw, BEFORE)
                if system.owns_redis:
                    await _keep_redis(system, raw / redis_info.AT_LOAD)
                farewells = Farewells(client, system.pod_urls, raw, ledger)
                system.before_pod_ends = farewells.keep
                warming = await PlannedWarming.start(system, run, raw)
                locust, *_ = await start_locust(
                    system.children,
                    raw / "scenario.json",
                    scenario.load,
                    run.strategy,
                    run.seed,
                    system.asked_urls,
                    raw,
                    scenario.duration_s,
                    server=system.locust,
                )
                breaking = asyncio.create_task(_break(system, run, record, raw), name="the planned faults")
                writing = asyncio.create_task(_write(client, system, run, record, raw), name="the planned writes")
                warmed = asyncio.create_task(_warm(warming, run, record, raw), name="the planned warming")
                try:
                    await _watch(locust, run, system.children, record, raw, ledger, on_progress)
                    await _mend(breaking)
                    await _mend(writing)
                    await _mend(warmed)
                    await ledger.drain()
                    record.is_over = True
                finally:
                    await _mend(breaking)
                    await _mend(writing)
                    await _mend(warmed)
                    record.incidents += await warming.end(ledger)
                    record.incidents += farewells.incidents()
                    record.incidents += map(Incident, self._at_the_end(system, ledger))
                    record.write(raw)
            await system.children.discard(locust)
            await _keep_redis(system, raw / redis_info.AFTER)
            await _keep_metrics(client, system, raw, AFTER)
            _keep_memory(system, raw)
            # what was broken and mended is not provably as new
            system.is_sound = not (scenario.faults or any(incident.spoils for incident in record.incidents))

    def _at_the_end(self, system: System, ledger: LedgerFile) -> Iterator[str]:
        if system.proxies is not None:
            yield from system.proxies.losses()
        for url in ledger.silent_urls:
            yield f"{url} did not answer at the end of the run"
        if self._lease is not None and self._lease.taken_by:
            yield f"Redis was taken over meanwhile by {self._lease.taken_by}"
        if ledger.dropped:
            yield f"{ledger.dropped} origin reads did not fit into the pods' ledgers"


def _promise(run: PlannedRun) -> float | None:
    """The oldest answer that the strategy promises while no load fails, seconds; None where only the pods have it."""
    found = discover(references=True, wrong=True, contenders=run.strategy).runnable.get(run.strategy)
    return None if found is None else run.scenario.stated(found).oldest_while_well_s()


async def _break(system: System, run: PlannedRun, record: RunRecord, raw: Path) -> None:
    """Begin and end the scenario's faults at their seconds of the load, from the moment at which that begins."""
    if not run.scenario.faults:
        return
    if system.nemesis is None:
        record.incidents.append(Incident("the scenario's faults were left out: nothing here can do them"))
        return
    if (start_s := await _begin_s(raw)) is None:
        record.incidents.append(Incident(f"no load began within {BEGIN_WITHIN_S:g} s, and no fault did"))
        return
    try:
        await PlannedFaults(system.nemesis, record.incidents, start_s).carry_out(run.scenario.faults)
    except ExceptionGroup as errors:
        record.incidents.append(Incident(f"the planned faults were not carried out: {errors.exceptions[0]!r}"))


async def _write(client: httpx.AsyncClient, system: System, run: PlannedRun, record: RunRecord, raw: Path) -> None:
    """Have the scenario's items written, from the moment at which the load begins, and record that."""
    if run.scenario.writes is None:
        return
    if (start_s := await _begin_s(raw)) is None:
        record.incidents.append(Incident(f"no load began within {BEGIN_WITHIN_S:g} s, and nothing was written"))
        return
    writes = PlannedWrites(client, system.pod_urls, start_s)
    try:
        await writes.carry_out(run)
    finally:
        record.incidents += writes.record(raw / WRITES, run.scenario)


async def _warm(warming: PlannedWarming, run: PlannedRun, record: RunRecord, raw: Path) -> None:
    """Have the scenario's warmers begin at their second of the load."""
    if run.scenario.warming is None:
        return
    if (start_s := await _begin_s(raw)) is None:
        record.incidents.append(Incident(f"no load began within {BEGIN_WITHIN_S:g} s, and nothing was warmed"))
        return
    await warming.begin(start_s)


async def _begin_s(raw: Path) -> float | None:
    """The moment at which the load begins, seconds since the epoch; None where it does not in time."""
    give_up_s = time.monotonic() + BEGIN_WITHIN_S
    while (start_s := read_begin(raw)) is None and time.monotonic() < give_up_s:  # noqa: ASYNC110
        await asyncio.sleep(BEGIN_LOOK_S)
    return start_s


async def _mend(breaking: asyncio.Task[None]) -> None:
    """End what goes on beside the load, such as faults that are on still; the task has ended then."""
    breaking.cancel()
    await asyncio.gather(breaking, return_exceptions=True)


async def _watch(
    locust: Child,
    run: PlannedRun,
    children: Children,
    record: RunRecord,
    raw: Path,
    ledger: LedgerFile,
    on_progress: OnProgress,
) -> None:
    """Follow the load until it has ended, and end it where it hangs; incidents are on disk as they come."""
    duration_s = run.scenario.duration_s
    kept = [*record.incidents]
    fallen: set[str] = set()
    began_s = time.monotonic()

    def incident(what: str) -> None:
        record.incidents.append(Incident(what))

    while not locust.ended:
        elapsed_s = time.monotonic() - began_s
        for child in children.fallen():
            if child.name not in fallen:
                fallen.add(child.name)
                incident(f"{child.name} {child.how_it_ended} about {elapsed_s:.0f} s into the run")
        await ledger.fetch()
        if record.incidents != kept:
            kept = [*record.incidents]
            with suppress(OSError):  # the end of the run writes it again, and tells
                record.write(raw)
        told = [one.what for one in record.incidents]
        on_progress(Progress(run, elapsed_s, ledger.reads, ledger.peak_1s(), told))
        if elapsed_s > duration_s + LOCUST_OVERTIME_S:
            incident(f"the load did not end within {LOCUST_OVERTIME_S:g} s of its time")
            await children.end(locust)
        try:
            async with asyncio.timeout(POLL_S):
                await locust.process.wait()
        except TimeoutError:
            pass
    if locust.process.returncode != 0:
        incident(f"locust {locust.how_it_ended}: {locust.last_words(1)}")


async def _keep_redis(system: System, path: Path) -> None:
    write_whole(path, json.dumps(await redis_info.what_it_says(system.redis_url), indent=2))


def _keep_last_metrics(last_run: Path, raw: Path) -> None:
    """Keep what the pods had counted by the end of the run before."""
    for path in last_run.glob(f"{AFTER}pod-*.prom"):
        write_whole(raw / path.name.replace(AFTER, EARLIER), path.read_text(encoding="utf-8"))


def _keep_memory(system: System, raw: Path) -> None:
    pods = [child for child in system.children.alive() if child.name.startswith("pod-")]
    if pods:  # else they are no children of this process
        write_whole(raw / MEMORY, json.dumps({pod.name: peak_of_process(pod.pid) for pod in pods}))


async def _keep_metrics(client: httpx.AsyncClient, system: System, raw: Path, when: str) -> None:
    for number, url in enumerate(system.pod_urls, start=1):
        try:
            answer = await client.get(f"{url}/metrics")
            (raw / f"{when}pod-{number}.prom").write_bytes(answer.content)
        except httpx.HTTPError:
            pass  # the pod fell: see the run's incidents
    if system.proxies is not None:
        system.proxies.keep_cpu(raw / f"{when}{PROXIES}")
