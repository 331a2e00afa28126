"""The proxies of a run, in front of each pod or of all, for strategies that are one; all others are asked directly."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.proxy import Proxy
from app.proxy_discovery import find_proxies
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.proxy_process import Proxies, ProxyProcess
from loadtest.worlds.system import OpenSystem, System
from loadtest.worlds.world import WorldFailed


def behind_proxies(open_system: OpenSystem) -> OpenSystem:
    """The same systems, whose pods stand behind proxies where the strategy of the run is one."""

    @asynccontextmanager
    async def opened(run: PlannedRun, folder: Path) -> AsyncIterator[System]:
        proxy = proxy_of(run.strategy)
        if proxy is not None and (reason := run.scenario.why_not_for(proxy)):
            raise WorldFailed(f"{proxy.name}: {reason}")
        async with open_system(run, folder) as system:
            if proxy is None:
                yield system
                return
            async with _in_front(proxy, system, run.scenario, folder):
                yield system

    return opened


@asynccontextmanager
async def _in_front(proxy: type[Proxy], system: System, scenario: Scenario, folder: Path) -> AsyncIterator[None]:
    behind = [system.pod_urls] if proxy.is_shared else [[url] for url in system.pod_urls]
    processes = [
        ProxyProcess(system.children, proxy, number, urls, folder) for number, urls in enumerate(behind, start=1)
    ]
    try:
        try:
            async with asyncio.TaskGroup() as group:
                for one in processes:
                    group.create_task(one.start(), name=f"start {one.name}")
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        system.proxies, system.notes = Proxies(processes), [*notes(proxy, scenario)]
        yield
    finally:
        system.proxies, system.notes = None, ()
        await asyncio.gather(*(one.end() for one in processes))


def proxy_of(strategy: str) -> type[Proxy] | None:
    """The proxy of that name, whose program is installed; None where there is none."""
    return find_proxies().strategies.get(strategy)


def notes(proxy: type[Proxy], scenario: Scenario) -> Iterator[str]:
    """The facts about a run that a reader of its figures needs, in sentences."""
    place = "all pods" if proxy.is_shared else "each pod, with a cache of its own"
    yield f"{proxy.library} {proxy.installed_version()} stands in front of {place}"
    of_redis = dict.fromkeys(fault.kind for fault in scenario.faults if fault.kind.startswith("cache-"))
    if of_redis:
        yield f"{', '.join(of_redis)}: not asked of {proxy.name}, for it has no Redis"
