"""The stack's world: the pods and the Redis of `make up`, as seen from a container beside them.

`make bench WORLD=stack` gives the pods the scenario's settings, stops the stack's own load, and runs the bench here.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from app.pod_name import replicas
from app.settings import as_variable
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.breaker_folder import asking_nemesis
from loadtest.worlds.child_processes import Children
from loadtest.worlds.proxies import proxy_of
from loadtest.worlds.recorded_run import RecordedWorld
from loadtest.worlds.system import System, forget_keys
from loadtest.worlds.world import Records, WorldFailed

SERVICE, PORT = "app", 8000
ITS_OWN = frozenset(
    {
        "LAB_POD",
        "LAB_PEERS",
        "LAB_ORIGIN_PATH",
        "LAB_ORIGIN_POOLER",
        "LAB_REFERENCES",
        "LAB_WRONG",
        "LAB_CONTENDERS",
        "LAB_FAULTS",
    }
)
"""The settings that say where a pod is, and change no figure."""


def stack_world(records: Records, command: str = "") -> RecordedWorld:
    """The stack's world, whose runs leave their records where `records` says. `command` names the lease's holder."""
    return RecordedWorld("stack", stack_system, records, command)


@asynccontextmanager
async def stack_system(run: PlannedRun, folder: Path) -> AsyncIterator[System]:
    """A system of the pods behind the name `app`; `folder` stays empty.

    Raises `WorldFailed` where there is no stack, or its pods run with other settings than the scenario states.
    """
    scenario = run.scenario
    if proxy_of(run.strategy) is not None:
        raise WorldFailed(f"{run.strategy}: a proxy stands in front of processes (make bench), and of no container")
    try:
        pod_urls = _pod_urls()
        redis_url = os.environ["LAB_REDIS_URL"]
    except (OSError, KeyError):
        raise WorldFailed("this is no container of the stack: use `make bench WORLD=stack`") from None
    if len(pod_urls) != scenario.pods:
        raise WorldFailed(f"{len(pod_urls)} pods run, and the scenario states {scenario.pods}")
    for url in pod_urls:
        await _check_settings(url, scenario, run.seed)
    await forget_keys(redis_url, run.strategy)
    nemesis = asking_nemesis()
    async with Children() as children:
        system = System(redis_url, pod_urls, children, nemesis=nemesis)
        if nemesis is not None:
            nemesis.system = system
        yield system


def _pod_urls() -> list[str]:
    """The URLs of the pods in the order of their names' numbers, by which faults name them. Raises OSError."""
    names = replicas(SERVICE)
    return [f"http://{address}:{PORT}" for address in sorted(names, key=lambda one: (len(names[one]), names[one]))]


async def _check_settings(url: str, scenario: Scenario, seed: int) -> None:
    """Hold a pod's settings to what the scenario states, and to a pod's own for the rest. Raises `WorldFailed`."""
    try:
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
            settings = (await client.get(f"{url}/settings")).raise_for_status().json()
    except httpx.HTTPError as error:
        raise WorldFailed(f"{url} does not answer: {error!r}") from error
    stated = scenario.pod_environment(seed)
    # as a pod tells them: a table with all that it leaves out
    for field, value in scenario.pod_settings(seed, "any").model_dump(mode="json").items():
        name, expected = f"LAB_{field.upper()}", as_variable(value)
        if name in settings and name not in ITS_OWN and settings[name] != expected:
            why = "the scenario states" if name in stated else "no scenario states that; a pod has"
            raise WorldFailed(f"{url} runs with {name}={settings[name]}, and {why} {expected}")
