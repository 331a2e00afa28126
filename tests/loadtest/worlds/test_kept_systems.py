"""A system that serves one run after another: each finds it as new, or another in its place."""

import asyncio
import csv
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from redis.asyncio import Redis

from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.child_processes import Children
from loadtest.worlds.kept_systems import KeptSystems
from loadtest.worlds.ledger_collector import LedgerFile
from loadtest.worlds.native import native_system
from loadtest.worlds.system import System
from loadtest.worlds.warm_burst import ask_for_all

pytestmark = pytest.mark.alone

KEYS = 12


def scenario(**changes: Any) -> Scenario:
    told = {
        "name": "kept",
        "title": "Kept",
        "duration_s": 10,
        "pods": 2,
        "load": {"loop": "open", "rate_per_s": 100},
        "keys": {"count": KEYS},
        "cache": {"ttl_s": 60},
        "origin": {"latency": "fixed(20)", "connections": 16},
    }
    return Scenario.model_validate(told | changes)


class Starts:
    """Systems without a process, and the order of what is done with them."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @asynccontextmanager
    async def system(self, run: PlannedRun, folder: Path) -> AsyncIterator[System]:
        name = f"for {run.label}"
        self.told.append(f"start {name}")
        for _ in range(5):
            await asyncio.sleep(0)
        try:
            async with Children() as children:
                yield System("redis://127.0.0.1:1", [], children)
        finally:
            await asyncio.sleep(0)
            self.told.append(f"end {name}")


async def after_another(first: PlannedRun, second: PlannedRun, is_sound: bool, folder: Path) -> list[str]:
    starts = Starts()
    async with KeptSystems(starts.system) as systems:
        for run in (first, second):
            async with systems.opened(run, folder) as system:
                starts.told.append(f"load of {run.label}")
                system.is_sound = is_sound
    return starts.told


@pytest.fixture(autouse=True)
def no_server_is_needed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget_keys(redis_url: str, strategy: str | None) -> None:
        assert strategy is not None, "a Redis that the lab did not start keeps what is others'"

    if "is_alone" not in request.fixturenames:
        monkeypatch.setattr("loadtest.worlds.kept_systems.forget_keys", forget_keys)


@pytest.fixture
def is_alone() -> None:
    """The test has servers of its own."""


FLUSHED = {"kind": "cache-flushed", "at_s": 1}
ONE, OTHER = PlannedRun(scenario(), "static", 1), PlannedRun(scenario(), "swr", 1)


def test_another_strategy_with_the_same_settings_finds_the_system_again(tmp_path: Path) -> None:
    told = asyncio.run(after_another(ONE, OTHER, True, tmp_path))
    assert told == ["start for static", "load of static", "load of swr", "end for static"]


@pytest.mark.parametrize(
    ("second", "is_sound"),
    [
        (PlannedRun(scenario(), "static", 1, repeat=2), True),
        (PlannedRun(scenario(), "swr", 2, repeat=2), True),
        (PlannedRun(scenario(cache={"ttl_s": 6}), "swr", 1, repeat=2), True),
        (PlannedRun(scenario(params={"swr": {"stale_s": 1}}), "swr", 1, repeat=2), True),
        (PlannedRun(scenario(pods=3), "swr", 1, repeat=2), True),
        (PlannedRun(scenario(faults=[FLUSHED]), "swr", 1, repeat=2), True),
        (PlannedRun(scenario(), "cashews_lock", 1, repeat=2), True),
        (PlannedRun(scenario(), "swr", 1, repeat=2), False),
    ],
    ids=[
        "the same strategy",
        "another seed",
        "another TTL",
        "other parameters",
        "more pods",
        "faults to come",
        "a contender",
        "after an incident",
    ],
)
def test_any_other_run_has_a_new_system_and_none_starts_or_ends_beside_a_load(
    second: PlannedRun, is_sound: bool, tmp_path: Path
) -> None:
    told = asyncio.run(after_another(ONE, second, is_sound, tmp_path))
    new = f"for {second.label}"
    assert sorted(told[2:4]) == ["end for static", f"start {new}"]
    assert (told[:2], told[4:]) == (["start for static", "load of static"], [f"load of {second.label}", f"end {new}"])


def test_a_system_that_has_served_a_contender_serves_nobody_else(tmp_path: Path) -> None:
    """Nothing is known of the connections and tasks that its library leaves in a pod."""
    contender = PlannedRun(scenario(), "cashews_lock", 1)
    told = asyncio.run(after_another(contender, OTHER, True, tmp_path))
    assert told.index("end for cashews_lock") < told.index("start for swr")


def test_runs_at_once_wait_for_each_others_start(tmp_path: Path) -> None:
    async def both() -> list[str]:
        starts = Starts()
        async with KeptSystems(starts.system) as systems:

            async def lane(run: PlannedRun) -> None:
                async with systems.opened(run, tmp_path):
                    starts.told.append(f"load of {run.label}")
                    await asyncio.sleep(0)

            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(lane(ONE))
                await asyncio.sleep(0)
                lanes.create_task(lane(OTHER))
        return starts.told

    told = asyncio.run(both())
    assert {*told[:2]} == {"start for static", "start for swr"}
    assert {*told[2:4]} == {"load of static", "load of swr"}


async def counts(system: System, strategy: str, folder: Path) -> dict[str, int]:
    """What a small load of one strategy costs, whose every answer is known: misses first, then hits."""
    async with httpx.AsyncClient(trust_env=False) as client:

        async def answers() -> Counter[str]:
            told: Counter[str] = Counter()
            for url in system.pod_urls:
                for line in (await client.get(f"{url}/metrics")).text.splitlines():
                    if line.startswith("lab_requests_total{"):
                        told[line.partition(" ")[0]] += int(float(line.partition(" ")[2]))
            return told

        with LedgerFile(client, system.pod_urls, folder / "ledger.csv") as ledger:
            await ledger.skip()
            before = await answers()
            for _ in range(2):
                await ask_for_all(system.pod_urls, strategy, KEYS)
            await ledger.drain()
        found = await answers()
        found.subtract(before)
    with (folder / "ledger.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["strategy"] for row in rows} == {strategy}
    async with Redis.from_url(system.redis_url) as redis:
        keys = {str(key).split(":")[1] for key in await redis.keys("lab:*")}
    assert keys == {strategy}
    return {"reads": len(rows)} | {answer: count for answer, count in found.items() if count}


def pods_of(system: System) -> dict[str, int]:
    return {child.name: child.pid for child in system.children.alive() if child.name.startswith("pod-")}


def test_a_strategy_counts_in_a_kept_system_as_in_a_new_one_and_a_pod_that_died_is_replaced(
    tmp_path: Path, is_alone: None
) -> None:
    async def story() -> tuple[list[dict[str, int]], list[dict[str, int]], list[list[str]]]:
        found, pods, remarks = [], [], []
        async with KeptSystems(native_system) as systems:
            for number, strategy in enumerate(("swr", "static", "swr", "static")):
                folder = tmp_path / str(number)
                folder.mkdir()
                async with systems.opened(PlannedRun(scenario(), strategy, 1), folder) as system:
                    found.append(await counts(system, strategy, folder))
                    pods.append(pods_of(system))
                    remarks.append(list(system.remarks))
                    system.is_sound = True
                if number == 2:
                    os.kill(pods[-1]["pod-2"], signal.SIGKILL)
                    while not system.children.fallen():  # noqa: ASYNC110  asyncio tells it in its own time
                        await asyncio.sleep(0.01)
        return found, pods, remarks

    found, pods, remarks = asyncio.run(story())
    new_swr, kept_static, again_swr, new_static = found
    assert (again_swr, kept_static) == (new_swr, new_static)
    assert sorted(new_static.values()) == [KEYS] * 3, "reads, misses, hits"
    assert pods[0] == pods[1], "kept"
    assert not {*pods[1].values()} & {*pods[2].values()}, "swr had run there"
    assert not {*pods[2].values()} & {*pods[3].values()}, "one of them had died"
    assert remarks[:3] == [[], [], []]
    assert "pod-2 was ended by SIGKILL after the run before" in json.dumps(remarks[3])
    assert (tmp_path / "1" / "pod-1.log").exists()
    assert not any(psutil.pid_exists(pid) for one in pods for pid in one.values())
