"""Systems that serve one run after another, where each run finds them as new.

A pod's memory of its requests belongs to one strategy: its origin, loads in flight, refreshes and random choices. So a
system is as new to a run with the same settings whose strategy it has never served. Its Redis must hold no key, and no
read may be under way any more. What the strategies share is looked at before each run: the processes, and the standing
of Redis with the pods. Where anything is not as it should be, a new system takes its place, and the record says why.

A contender has a system of its own: nothing is known of the connections and tasks that its library leaves in a pod.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx

from app.contender_names import file_of
from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.system import OpenSystem, System, forget_keys
from loadtest.worlds.world import WorldFailed

IN_ORDER = "up"
"""The word of a pod for a Redis that answers it."""
ANSWER_WITHIN_S = 5.0
"""Seconds within which a pod that is to serve again says how it is."""
SystemSettings = tuple[int, tuple[tuple[str, str], ...]]
"""The number of pods and their environment, which a system keeps for as long as it lives."""


@dataclass(slots=True)
class _Kept:
    system: System
    settings: SystemSettings
    owned: AsyncExitStack
    served: set[str] = field(default_factory=set)

    async def end(self) -> None:
        """End a system that serves no run: there is nothing that its processes could still finish."""
        await self.system.children.end_at_once()
        await self.owned.aclose()

    async def why_unfit_for(self, run: PlannedRun) -> str:
        """Empty the cache for a run; what speaks against it in this system, or empty where nothing does."""
        if fallen := self.system.children.fallen():
            return " and ".join(f"{child.name} {child.how_it_ended}" for child in fallen)
        try:
            async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, verify=False) as client:
                found = await asyncio.gather(*(_why_unfit(client, url) for url in self.system.pod_urls))
            await forget_keys(self.system.redis_url, None if self.system.owns_redis else run.strategy)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return f"a pod did not say how it is ({type(error).__name__})"
        except WorldFailed as error:
            return str(error)
        return " and ".join(filter(None, found))


async def _why_unfit(client: httpx.AsyncClient, url: str) -> str:
    ready = (await client.get(f"{url}/readyz")).raise_for_status().json()
    under_way = (await client.get(f"{url}/ledger", params={"after": 2**62})).raise_for_status().json()["under_way"]
    if ready["cache"] != IN_ORDER:
        return f"Redis was {ready['cache']} for {ready['pod']}"
    return f"{ready['pod']} still had {under_way} reads under way" if under_way else ""


def _is_contender(run: PlannedRun) -> bool:
    return file_of(run.strategy) is not None


class KeptSystems:
    """The owner of systems; one that is idle is kept for the next run. It is opened with `async with`."""

    def __init__(self, start: OpenSystem) -> None:
        self._start = start
        self._idle: _Kept | None = None
        self._starting = 0
        self._has_started = asyncio.Condition()

    async def __aenter__(self) -> "KeptSystems":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (idle := self._take()) is not None:
            await idle.end()

    @asynccontextmanager
    async def opened(self, run: PlannedRun, folder: Path) -> AsyncIterator[System]:
        """A system that is as new for this run, whose records lie in `folder`. Raises `WorldFailed`.

        Runs that are carried out at once wait for each other's start, so that none is beside a load. The system is
        kept for others if `System.is_sound` says so at the end; else it ends with the context.
        """
        kept = await self._fit_for(run, folder)
        kept.served.add(run.strategy)
        keeps = False
        try:
            with _own_logs(kept.system, folder):
                yield kept.system
            keeps = kept.system.is_sound and self._idle is None and not _is_contender(run)
        finally:
            if keeps:
                kept.system.last_run, kept.system.is_sound, kept.system.remarks = folder, False, ()
                self._idle = kept
            else:
                await kept.owned.aclose()  # in order, because something may be under way

    def _take(self) -> _Kept | None:
        idle, self._idle = self._idle, None
        return idle

    async def _fit_for(self, run: PlannedRun, folder: Path) -> _Kept:
        """The idle system, if it is as new for the run, else a new one; an idle one ends while that starts."""
        settings = run.scenario.pods, tuple(sorted(run.scenario.pod_environment(run.seed).items()))
        if (idle := self._take()) is None:
            return await self._new(run, folder, settings)
        # what is to be broken may need a relay or a control, and is not kept afterwards anyway
        is_alike = idle.settings == settings and not run.scenario.faults and not _is_contender(run)
        fits, why = is_alike and run.strategy not in idle.served, ""
        try:
            if fits and not (why := await idle.why_unfit_for(run)):
                return idle
        except BaseException:
            await idle.end()
            raise
        ending = asyncio.create_task(idle.end(), name="end the idle system")
        try:
            kept = await self._new(run, folder, settings)
        finally:
            await ending
        if why:
            kept.system.remarks = [f"{why} after the run before: this run has new processes"]
        return kept

    async def _new(self, run: PlannedRun, folder: Path, settings: SystemSettings) -> _Kept:
        async with AsyncExitStack() as owned:
            async with self._one_that_starts():
                system = await owned.enter_async_context(self._start(run, folder))
            async with self._has_started:
                await self._has_started.wait_for(lambda: self._starting == 0)
            return _Kept(system, settings, owned.pop_all())

    @asynccontextmanager
    async def _one_that_starts(self) -> AsyncIterator[None]:
        self._starting += 1
        try:
            yield
        finally:
            self._starting -= 1
            async with self._has_started:
                self._has_started.notify_all()


@contextmanager
def _own_logs(system: System, folder: Path) -> Iterator[None]:
    """Give a run that a kept system serves its own part of the logs."""
    begins = {
        child.log: child.log.stat().st_size
        for child in system.children.alive()
        if child.log.parent != folder.absolute()
    }
    try:
        yield
    finally:
        for log, size in begins.items():
            with log.open("rb") as whole:
                whole.seek(size)
                (folder / log.name).write_bytes(whole.read())
