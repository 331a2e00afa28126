"""The native world: Redis, pods, and what is beside them, as child processes on loopback.

There is a pooler where pods share connections, a relay where the wire is broken, and a tuner where one is stated.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from app.contender_names import file_of
from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.child_processes import Children
from loadtest.worlds.forked_locust import CAN_FORK, ForkServer
from loadtest.worlds.kept_systems import KeptSystems
from loadtest.worlds.native_nemesis import NativeNemesis, needs_control, needs_relay, why_not_with
from loadtest.worlds.pod_process import PodProcess
from loadtest.worlds.proxies import behind_proxies
from loadtest.worlds.python_server import HOST, start_server
from loadtest.worlds.recorded_run import RecordedWorld
from loadtest.worlds.redis_process import RedisProcess, start_redis
from loadtest.worlds.relay_faults import RelayFaults
from loadtest.worlds.relay_process import start_relay
from loadtest.worlds.system import System, forget_keys
from loadtest.worlds.tuner_process import start_tuner
from loadtest.worlds.world import Records, WorldFailed


def native_world(records: Records, command: str = "") -> RecordedWorld:
    """The native world, whose runs leave their records where `records` says. `command` names the lease's holder."""
    systems = KeptSystems(native_system)
    return RecordedWorld("native", behind_proxies(systems.opened), records, command, systems)


@asynccontextmanager
async def native_system(run: PlannedRun, folder: Path) -> AsyncIterator[System]:
    """A system of Redis, the scenario's pods, the pooler that they share, and Locust; all end with the context.

    Raises `WorldFailed`. `LAB_REDIS_URL` names a server that already runs; only the keys of the strategy are removed
    there. `LAB_REDIS_SERVER` names another binary to start. A relay is in the path where a fault of the scenario needs
    one.
    """
    given = os.environ.get("LAB_REDIS_URL")
    async with Children() as children:
        try:
            # Locust first, which takes the longest
            locust, service = await _together(
                _fork_server(children, folder), _start_service(children, run, folder, given)
            )
            yield _system(children, service, locust)
        finally:
            for suffix in ("", ".versions", ".versions-wal", ".versions-shm"):
                (folder / f"origin.sqlite{suffix}").unlink(missing_ok=True)


class _Service(NamedTuple):
    redis_url: str
    redis: RedisProcess | None
    pods: list[PodProcess]
    relay: RelayFaults | None
    environment: Mapping[str, str]
    """The settings of the pods, with Redis's own URL, whatever is in their way."""


def _system(children: Children, service: _Service, locust: ForkServer | None) -> System:
    redis, pods = service.redis, service.pods
    system = System(service.redis_url, [pod.url for pod in pods], children, locust, owns_redis=redis is not None)
    system.beside_pods = service.environment

    async def before_pod_ends(number: int, life: int) -> bool:
        return await system.before_pod_ends(number, life)

    system.nemesis = NativeNemesis(redis, pods, service.relay, before_pod_ends)
    return system


async def _together(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """The results of all; where one fails, the others end before its error goes on, and start nothing more."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fork_server(children: Children, folder: Path) -> ForkServer | None:
    return await ForkServer.start(children, folder) if CAN_FORK else None


async def _start_service(children: Children, run: PlannedRun, folder: Path, given: str | None) -> _Service:
    """Start Redis unless it is there, a relay and a pooler if they are needed, and the pods."""
    scenario = run.scenario
    if given and (reason := why_not_with(scenario, given)):
        raise WorldFailed(reason)
    redis = None if given else await start_redis(children, folder)
    redis_url = given or ("" if redis is None else redis.url)
    await forget_keys(redis_url, run.strategy)
    ways, relay = [redis_url] * scenario.pods, None
    if needs_relay(scenario):
        ways, relay = await start_relay(children, redis_url, scenario.pods, folder)
    environment = {
        **scenario.pod_environment(run.seed),
        "LAB_REFERENCES": "True",
        "LAB_WRONG": "True",
        "LAB_CONTENDERS": "" if file_of(run.strategy) is None else run.strategy,  # a pod imports no other's library
        "LAB_ORIGIN_PATH": str(folder / "origin.sqlite"),
    }
    if needs_control(scenario):
        environment["LAB_FAULTS"] = "True"
    if scenario.connections_shared is not None:
        pooler = await start_server(children, "pooler", "app.pooler", {}, folder)
        environment["LAB_ORIGIN_POOLER"] = f"{HOST}:{pooler.port}"
    pods: list[PodProcess] = []
    try:
        for number, way in enumerate(ways, start=1):
            pods.append(PodProcess(children, f"pod-{number}", {**environment, "LAB_REDIS_URL": way}, folder))
        for pod in pods if len(pods) > 1 else ():
            pod.environment["LAB_PEERS"] = ",".join(f"{one.name}={HOST}:{one.port}" for one in pods)
        await _together(*(pod.start() for pod in pods))
    finally:
        for pod in pods:
            pod.close()
    environment["LAB_REDIS_URL"] = redis_url
    if scenario.tuner is not None:
        await start_tuner(children, environment, [pod.url for pod in pods], folder)
    return _Service(redis_url, redis, pods, relay, environment)
