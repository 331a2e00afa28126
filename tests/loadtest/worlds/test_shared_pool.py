"""Connections that pods share, in processes and in virtual time: the same bound, and nothing that a dead pod keeps."""

import asyncio
import csv
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.discovery import discover
from loadtest.sim.cluster.events import OriginAsked, Subscriber
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import BadScenario, Scenario, read_scenario
from loadtest.worlds.ledger_collector import LedgerFile
from loadtest.worlds.native import native_system
from loadtest.worlds.warm_burst import ask_for_all

pytestmark = pytest.mark.alone

CLOCKS_APART_S = 0.005
"""Of two pods on one machine, each of which has asked Redis for the time."""
POOL = """
title = "A herd of 40 and more for 20 connections"
duration_s = 3
pods = 8
[load]
loop = "open"
rate_per_s = 200
[keys]
count = 1
[cache]
ttl_s = 1
[origin]
latency = "fixed(250)"
connections = 16
connections_shared = 20
"""


def pool(**changes: Any) -> Scenario:
    told = {
        "name": "pool",
        "title": "A pool",
        "duration_s": 20,
        "pods": 8,
        "load": {"loop": "open", "rate_per_s": 450},
        "keys": {"count": 10, "hot_share": 0.95},
        "cache": {"ttl_s": 5},
        "origin": {"latency": "fixed(200)", "connections": 32, "connections_shared": 20} | changes.pop("origin", {}),
    }
    return Scenario.model_validate(told | changes)


def most_at_once(reads: Iterable[tuple[float, float]], clocks_apart_s: float = 0.0) -> int:
    """Of reads that had a connection from then until then."""
    changes = [(at_s, step) for begin_s, end_s in reads for at_s, step in ((begin_s, 1), (end_s - clocks_apart_s, -1))]
    under_way = most = 0
    for _, step in sorted(changes):
        under_way += step
        most = max(most, under_way)
    return most


async def burst_of_processes(scenario: Scenario, folder: Path) -> int:
    run = PlannedRun(scenario, "static", 1)
    async with native_system(run, folder) as world, httpx.AsyncClient(trust_env=False) as client:
        await ask_for_all(world.pod_urls, "static", scenario.keys.count)
        with LedgerFile(client, world.pod_urls, folder / "ledger.csv") as ledger:
            await ledger.drain()
    with (folder / "ledger.csv").open(encoding="utf-8", newline="") as file:
        reads = [(float(row["started_s"]), float(row["ended_s"])) for row in csv.DictReader(file)]
    assert len(reads) == scenario.keys.count
    return most_at_once(reads, CLOCKS_APART_S)


def burst_in_virtual_time(scenario: Scenario) -> int:
    reads: list[OpenRead] = []
    asked = Subscriber({OriginAsked: lambda event: reads.append(event.read)})
    simulate(scenario, discover().strategies["static"], 1, observers=[asked])
    of_the_burst = sorted(reads, key=lambda read: read.asked_s)[: scenario.keys.count]
    return most_at_once((read.started_s, read.ended_s) for read in of_the_burst)


def test_processes_and_virtual_time_have_the_same_most_reads_at_once(tmp_path: Path) -> None:
    scenario = pool(keys={"count": 64}, warm={"keys": "burst"}, origin={"latency": "fixed(250)"}, duration_s=1)
    most = {
        "processes": asyncio.run(burst_of_processes(scenario, tmp_path)),
        "virtual": burst_in_virtual_time(scenario),
    }
    assert most == {"processes": 20, "virtual": 20}


def test_what_a_killed_pod_held_comes_back_and_the_pooler_ends_with_its_world(tmp_path: Path) -> None:
    shared = 2
    scenario = pool(pods=2, keys={"count": 12}, origin={"latency": "fixed(400)", "connections_shared": shared})

    async def story() -> None:
        async with native_system(PlannedRun(scenario, "nocache", 1), tmp_path) as world:
            started = {child.pid: child for child in psutil.Process().children() if "--fd" in child.cmdline()}
            doomed = next(pid for pid, child in started.items() if child.environ().get("LAB_POD") == "pod-1")
            assert any("app.pooler" in child.cmdline() for child in started.values())
            asked = asyncio.create_task(ask_for_all(world.pod_urls[:1], "nocache", 12))
            await asyncio.sleep(0.3)
            os.kill(doomed, signal.SIGKILL)
            with pytest.raises(Exception, match="failed"):
                await asked
            await ask_for_all(world.pod_urls[1:], "nocache", 4)  # which raises where one answer is no 200
        _, alive = psutil.wait_procs(list(started.values()), timeout=60)
        assert not alive

    asyncio.run(story())


def test_a_herd_waits_for_the_shared_connections_and_one_load_a_key_does_not() -> None:
    strategies = discover().strategies
    rows = {name: simulate(pool(), strategies[name], 1).row for name in ("static", "singleflight")}
    wide = simulate(pool(origin={"connections_shared": None}), strategies["static"], 1).row
    assert all(row.valid for row in rows.values())
    assert rows["static"].p99_ms is not None
    assert rows["singleflight"].p99_ms is not None
    assert wide.p99_ms is not None
    rounds = (1 + 450 * 0.95 * 0.2) / 20
    assert 0.6 * rounds * 200 < rows["static"].p99_ms < rounds * 200 + 200
    assert rows["static"].p99_ms > 3 * wide.p99_ms
    assert rows["singleflight"].p99_ms <= wide.p99_ms


def test_the_same_seed_gives_the_same_trace_and_a_pool_that_never_binds_that_of_none() -> None:
    static = discover().strategies["static"]
    short = {"duration_s": 8}
    shared = [simulate(pool(**short), static, 3).row for _ in range(2)]
    assert shared[0] == shared[1]
    none, wide = (
        simulate(pool(**short, origin={"connections_shared": size}), static, 3).row for size in (None, 8 * 32)
    )
    assert shared[0].trace != none.trace == wide.trace
    assert wide.notes == [
        "origin.connections_shared (256) has no effect: the pods have 256 of their own",
        *none.notes,
    ]


@pytest.mark.parametrize("stated", ["0", "-3", "2.5", "100001", '"many"'])
def test_a_shared_number_beyond_its_bounds_is_refused_by_name(tmp_path: Path, stated: str) -> None:
    path = tmp_path / "pool.toml"
    path.write_text(POOL.replace("connections_shared = 20", f"connections_shared = {stated}"))
    with pytest.raises(BadScenario, match=r"origin\.connections_shared: Input should be"):
        read_scenario(str(path))


def test_what_pods_in_processes_are_told_is_what_the_scenario_states() -> None:
    assert pool().pod_environment(1)["LAB_ORIGIN_CONNECTIONS_SHARED"] == "20"
    none = pool(origin={"connections_shared": None}).pod_environment(1)
    assert none["LAB_ORIGIN_CONNECTIONS_SHARED"] == "", "which also overrides one that is set around the pods"
