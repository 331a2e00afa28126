"""An origin that slows down with the reads under way: the same in processes and in virtual time."""

import asyncio
import csv
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.discovery import discover
from loadtest.report.workload_in_words import sentence
from loadtest.sim.cluster.events import OriginAsked, Subscriber
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.sim.cluster.simulate import simulate
from loadtest.theory.predict import silent_because
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import BadScenario, Scenario, read_scenario
from loadtest.worlds.ledger_collector import LedgerFile
from loadtest.worlds.native import native_system
from loadtest.worlds.warm_burst import ask_for_all
from tests.loadtest.worlds.test_shared_pool import POOL

pytestmark = pytest.mark.alone

LATENCY_S, KEYS, KNEE, PER_READ = 0.2, 12, 4, 0.25
STATIC = discover().strategies["static"]


def slowing(**changes: Any) -> Scenario:
    told = {
        "name": "slowing",
        "title": "An origin that slows down",
        "duration_s": 1,
        "pods": 3,
        "load": {"loop": "open", "rate_per_s": 1},
        "keys": {"count": KEYS},
        "cache": {"ttl_s": 60},
        "warm": {"keys": "burst"},
        "origin": {
            "latency": f"fixed({1000 * LATENCY_S:g})",
            "connections": 8,
            "slowdown": {"knee": KNEE, "per_read": PER_READ},
        },
    }
    return Scenario.model_validate(told | changes)


def in_virtual_time(scenario: Scenario) -> list[float]:
    """The durations of the reads of the burst, in latencies."""
    reads: list[OpenRead] = []
    asked = Subscriber({OriginAsked: lambda event: reads.append(event.read)})
    simulate(scenario, STATIC, 1, observers=[asked])
    return sorted((read.ended_s - read.started_s) / LATENCY_S for read in reads[:KEYS])


async def leave(url: str, item_id: int) -> None:
    """Ask, and close the connection before there can be an answer."""
    where = urlsplit(url)
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"GET /nocache/data?id={item_id} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    await asyncio.sleep(LATENCY_S / 4)
    writer.close()
    await writer.wait_closed()


async def in_processes(scenario: Scenario, folder: Path) -> tuple[list[float], float]:
    """The durations of the reads of a burst, and of one read behind as many that clients have left, in latencies."""
    async with (
        native_system(PlannedRun(scenario, "static", 1), folder) as world,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        await ask_for_all(world.pod_urls, "static", KEYS)
        await asyncio.gather(*(leave(world.pod_urls[number % 3], number) for number in range(KEYS)))
        await ask_for_all(world.pod_urls[:1], "nocache", 1)
        with LedgerFile(client, world.pod_urls, folder / "ledger.csv") as ledger:
            await ledger.drain()
    with (folder / "ledger.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["outcome"] for row in rows} == {"ok"}, "what a client has left goes on to its end"
    lasted = {
        strategy: sorted(
            (float(row["started_s"]), float(row["ended_s"])) for row in rows if row["strategy"] == strategy
        )
        for strategy in ("static", "nocache")
    }
    assert [len(reads) for reads in lasted.values()] == [KEYS, KEYS + 1]
    burst = sorted((ended_s - started_s) / LATENCY_S for started_s, ended_s in lasted["static"])
    began_s, ended_s = lasted["nocache"][-1]
    return burst, (ended_s - began_s) / LATENCY_S


def test_a_burst_slows_down_in_processes_as_in_virtual_time_and_clients_that_leave_still_count(tmp_path: Path) -> None:
    scenario = slowing()
    simulated = in_virtual_time(scenario)
    assert simulated == pytest.approx([1.0] * KNEE + [1 + PER_READ * (n - KNEE) for n in range(KNEE + 1, KEYS + 1)])
    measured, behind_those_left = asyncio.run(in_processes(scenario, tmp_path))
    assert all(0.99 * law < real for law, real in zip(simulated, measured, strict=True)), "never quicker than the law"
    assert sum(measured) < 1.3 * sum(simulated)
    assert behind_those_left > 0.99 * (1 + PER_READ * (KEYS + 1 - KNEE))


def test_the_scenario_says_it_in_words_and_theory_is_silent() -> None:
    scenario = slowing()
    assert "fixed(200) ms (25 % slower for each read under way above 4, up to 10 times) over 8" in sentence(scenario)
    assert silent_because(scenario, STATIC, 100, 30) == "the origin slows with the reads under way"
    assert scenario.without_effect == []


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("{knee = -1, per_read = 1}", "origin.slowdown.knee: Input should be greater than or equal to 0"),
        ("{knee = 1, per_read = 0}", "origin.slowdown.per_read: Input should be greater than 0"),
        ("{knee = 1}", "origin.slowdown.per_read: must be stated"),
        ("{knee = 1, per_read = 1, times_max = 101}", "origin.slowdown.times_max: Input should be less than or equal"),
        ("{knee = 1, per_read = nan}", "origin.slowdown.per_read: Input should be a finite number"),
        ("{knee = 1, per_read = 1, depth = 2}", "origin.slowdown.depth: there is no such field"),
    ],
)
def test_a_slowdown_beyond_its_bounds_is_refused_by_name(tmp_path: Path, stated: str, said: str) -> None:
    path = tmp_path / "pool.toml"
    path.write_text(f"{POOL}slowdown = {stated}\n")
    with pytest.raises(BadScenario, match=said.replace(".", r"\.")):
        read_scenario(str(path))


def test_more_connections_than_can_be_counted_are_refused_unless_fewer_are_shared(tmp_path: Path) -> None:
    path = tmp_path / "pool.toml"
    text = f"{POOL}slowdown = {{knee = 1, per_read = 1}}\n".replace("pods = 8", "pods = 10000")
    path.write_text(text)
    assert read_scenario(str(path)).connections_shared == 20
    path.write_text(text.replace("connections_shared = 20\n", ""))
    with pytest.raises(BadScenario, match=r"origin\.slowdown: pods times origin\.connections \(160,000\) must be at"):
        read_scenario(str(path))
