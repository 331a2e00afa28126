"""Faults that are done to real processes: what pods and clients see of each, and that nothing of it is left behind."""

import asyncio
import csv
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pydantic import TypeAdapter
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from loadtest.workload.fault_worlds import WORLDS
from loadtest.workload.faults import Fault
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.native import native_system
from loadtest.worlds.native_nemesis import why_not_with
from loadtest.worlds.nemesis import Nemesis
from loadtest.worlds.system import System
from tests.loadtest.worlds.test_recorded_run import Lab
from tests.redis_server import RedisServer

pytestmark = pytest.mark.alone

KEYS, LONG_S = 20, 60.0
WIRE = ("cache-slow", "cache-silent", "cache-resets", "cache-sliced", "connections-dead")
PLAIN: dict[str, Any] = {
    "name": "broken",
    "title": "Broken",
    "duration_s": 60,
    "pods": 2,
    "load": {"loop": "open", "rate_per_s": 100},
    "keys": {"count": KEYS},
    "cache": {"ttl_s": 60},
    "origin": {"latency": "fixed(20)", "connections": 16},
}


def a(kind: str, **more: Any) -> Fault:
    lasts = {} if kind == "cache-flushed" else {"for_s": LONG_S}
    found: Fault = TypeAdapter(Fault).validate_python({"kind": kind, "at_s": 0} | lasts | more)
    return found


class Broken:
    """A system that can be broken, and what a client of it sees."""

    def __init__(self, system: System, client: httpx.AsyncClient) -> None:
        assert system.nemesis is not None
        self.system, self.client = system, client
        self.nemesis: Nemesis = system.nemesis

    async def get(self, pod: int, item_id: int, strategy: str = "static") -> httpx.Response:
        return await self.client.get(f"{self.system.pod_urls[pod]}/{strategy}?id={item_id}")

    async def statuses(self, pod: int = 0) -> Counter[int]:
        answers = await asyncio.gather(*(self.get(pod, item_id) for item_id in range(KEYS)))
        return Counter(answer.status_code for answer in answers)

    async def hits(self, pod: int = 0) -> int:
        answers = await asyncio.gather(*(self.get(pod, item_id) for item_id in range(KEYS)))
        assert {answer.status_code for answer in answers} == {200}
        return sum("; hit" in answer.headers["cache-status"] for answer in answers)

    async def cache_of(self, pod: int = 0) -> str:
        """What a pod says of its Redis."""
        return str((await self.client.get(f"{self.system.pod_urls[pod]}/readyz")).json()["cache"])

    async def until_well(self) -> None:
        """Wait until both pods use their Redis again and every key is there."""
        give_up_s = time.monotonic() + 10
        while [await self.hits(0), await self.hits(1)] != [KEYS, KEYS]:
            assert time.monotonic() < give_up_s, [await self.cache_of(0), await self.cache_of(1)]
            await asyncio.sleep(0.05)


@asynccontextmanager
async def broken(folder: Path, *planned: dict[str, Any]) -> AsyncIterator[Broken]:
    scenario = Scenario.model_validate(PLAIN | {"faults": [{"at_s": 1, "for_s": 1} | one for one in planned]})
    async with (
        native_system(PlannedRun(scenario, "static", 1), folder) as system,
        httpx.AsyncClient(trust_env=False, timeout=10) as client,
    ):
        seen = Broken(system, client)
        await seen.until_well()
        yield seen
        assert system.children.fallen() == []


def run(drill: Callable[[], Awaitable[None]]) -> None:
    async def inside() -> None:
        await drill()

    asyncio.run(inside())


def test_every_kind_that_is_said_to_be_done_natively_is_done_here() -> None:
    told = Path(__file__).read_text(encoding="utf-8")
    done = {variant.partition(" ")[0] for variant, why in WORLDS.items() if not why.native} - {"clients-leave"}
    assert not {kind for kind in done if f'"{kind}"' not in told}


def test_redis_and_its_wire_are_broken_and_mended_and_no_answer_fails(tmp_path: Path) -> None:
    async def drill() -> None:
        wire = {"kind": "cache-slow", "ms": 1}  # for the sake of which there is a relay
        async with broken(tmp_path, wire) as seen, Redis.from_url(seen.system.redis_url) as redis:
            for fault in (
                a("cache-away"),
                a("cache-away", empty=False),
                a("cache-paused"),
                a("cache-silent"),
                a("cache-silent", arrive=True),
                a("cache-resets"),
            ):
                await seen.nemesis.begin(fault)
                assert await seen.statuses() == {200: KEYS}, fault
                assert await seen.hits() < KEYS, fault
                await seen.nemesis.end(fault)
                await seen.until_well()
            for fault in (a("cache-slow", ms=30), a("cache-sliced", bytes=40, ms=1)):
                began_s = time.monotonic()
                await seen.get(0, 1)
                await seen.nemesis.begin(fault)
                quick_s, began_s = time.monotonic() - began_s, time.monotonic()
                assert "; hit" in (await seen.get(0, 1)).headers["cache-status"], fault
                assert time.monotonic() - began_s > 0.01, (fault, quick_s)
                await seen.nemesis.end(fault)
            await seen.nemesis.begin(demoted := a("cache-refuses", error="READONLY"))
            assert (await seen.get(0, 1, "swr")).status_code == 200
            assert not await redis.exists("lab:swr:1")
            await seen.nemesis.end(demoted)
            await seen.until_well()
            await seen.nemesis.begin(a("connections-dead", pod=0))
            assert await seen.hits(1) == KEYS  # the other's connections live
            assert await seen.hits(0) < KEYS
            await seen.nemesis.end(a("connections-dead", pod=0))
            await seen.until_well()

            await seen.nemesis.begin(a("cache-flushed"))
            assert await redis.dbsize() == 0
            await seen.until_well()
            before = await redis.config_get("maxmemory*")
            await seen.nemesis.begin(full := a("cache-full", policy="allkeys-lru", share=0.2))
            assert await redis.dbsize() < KEYS  # clients take more of its memory than so few entries do
            assert await seen.statuses() == {200: KEYS}
            await seen.nemesis.end(full)
            await seen.until_well()
            for fault in (a("cache-full", policy="noeviction", entries=0), a("cache-refuses", error="OOM")):
                await seen.nemesis.begin(fault)
                assert await redis.dbsize() == KEYS, fault  # nothing is evicted
                assert await seen.hits() == KEYS, fault
                await redis.delete("lab:static:3")
                assert (await seen.get(0, 3)).status_code == 200
                assert await redis.dbsize() == KEYS - 1, fault
                await seen.nemesis.end(fault)
                await seen.until_well()
            assert await redis.config_get("maxmemory*") == before

    run(drill)


def test_the_origin_and_the_pods_are_broken_and_mended(tmp_path: Path) -> None:
    async def drill() -> None:
        async with broken(tmp_path, {"kind": "origin-fails"}) as seen:
            await seen.nemesis.begin(a("cache-flushed"))
            await seen.nemesis.begin(a("origin-fails"))
            assert await seen.statuses() == {503: KEYS}
            await seen.nemesis.begin(a("pod-killed", pod=0))
            with pytest.raises(httpx.HTTPError):
                await seen.get(0, 1)
            await seen.nemesis.end(a("pod-killed", pod=0))
            assert await seen.statuses() == {503: KEYS}  # a pod that is new has the fault that is on
            await seen.nemesis.end(a("origin-fails"))
            await seen.until_well()
            for fault in (a("origin-slow", times=10), a("origin-hangs", for_s=0.3)):
                await seen.nemesis.begin(a("cache-flushed"))
                await seen.nemesis.begin(fault)
                began_s = time.monotonic()
                assert await seen.statuses() == {200: KEYS}
                assert time.monotonic() - began_s >= 0.19, fault
                await seen.nemesis.end(fault)

            await seen.nemesis.begin(paused := a("pod-paused", pod=1))
            with pytest.raises(httpx.TimeoutException):
                await seen.client.get(f"{seen.system.pod_urls[1]}/healthz", timeout=0.3)
            await seen.nemesis.end(paused)
            assert await seen.hits(1) == KEYS

            await seen.nemesis.begin(ended := a("pod-terminated", pod=1))
            await seen.nemesis.end(ended)
            assert await seen.hits(1) == KEYS

    run(drill)


def test_without_a_fault_of_the_wire_or_the_origin_there_is_no_relay_and_no_control(tmp_path: Path) -> None:
    async def drill() -> None:
        async with broken(tmp_path, {"kind": "pod-killed", "pod": 0}) as seen:
            assert "relay" not in {child.name for child in seen.system.children.alive()}
            assert (await seen.client.get(f"{seen.system.pod_urls[0]}/faults/origin")).status_code == 404

    run(drill)


OUTAGE = """
title = "Outage"
duration_s = 10
pods = 2
[load]
loop = "open"
rate_per_s = 100
[keys]
count = 10
[cache]
ttl_s = 0.5
[origin]
latency = "fixed(20)"
connections = 16
"""
REDIS_DIES = '[[faults]]\nkind = "cache-away"\nat_s = 1\nfor_s = 1\n'
POD_DIES = '[[faults]]\nkind = "pod-killed"\nat_s = 3\nfor_s = 0.5\npod = 1\n'


def test_a_run_tells_what_was_done_to_it_when_and_is_a_result_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "outage.toml").write_text(OUTAGE + REDIS_DIES + POD_DIES)
    results = tmp_path / "results"
    with Lab(
        "bench", "--no-reference", "--scenario", tmp_path / "outage.toml", "--strategies", "singleflight",
        "--results", results,
    ) as lab:  # fmt: skip
        code, said = lab.end()
    assert code == 0, said
    (row,) = json.loads((results / "latest" / "summary.json").read_text())["runs"]
    assert row["valid"], said
    assert row["wrong_answers"] == 0
    raw = results / "latest" / "raw" / row["strategy"]
    incidents = json.loads((raw / "run.json").read_text())["incidents"]
    away, killed = (one for one in incidents if one[2] is not None)
    assert not any(spoils for _, spoils, *_ in incidents)
    assert away[0].startswith("cache-away")
    assert 1 <= away[2] < away[3]
    assert killed[0].startswith("pod-killed")
    assert 2.5 <= killed[2] < killed[3] < 10
    # only a pod that is dead answers nothing, and only while it is
    with (next(raw.glob("answers-*.csv"))).open() as file:
        answers = list(csv.DictReader(file))
    start_s = json.loads(next(raw.glob("began-*.json")).read_text())["start_s"]
    lost = [float(one["intended_s"]) - start_s for one in answers if one["code"] != "200"]
    assert lost
    assert killed[2] - 0.5 <= min(lost)
    assert max(lost) <= killed[3] + 0.1
    with (raw / "ledger.csv").open() as file:
        reads = list(csv.DictReader(file))
    assert len({tuple(read.values()) for read in reads}) == len(reads)  # none twice
    of_the_dead = [float(read["asked_s"]) - start_s for read in reads if read["pod"] == "pod-2"]
    assert min(of_the_dead) < killed[2]
    assert max(of_the_dead) > killed[3]
    assert row["commands_per_request"] is not None  # the counters of both lives add up
    assert list(raw.glob("metrics-life-1-pod-2.prom"))
    assert "planned: cache-away" in said


def test_ctrl_c_in_mid_fault_leaves_nothing_stopped_or_running(tmp_path: Path) -> None:
    paused = '[[faults]]\nkind = "cache-paused"\nat_s = 0.1\nfor_s = 60\n'
    pod = '[[faults]]\nkind = "pod-paused"\nat_s = 0.1\nfor_s = 60\npod = 0\n'
    (tmp_path / "outage.toml").write_text(OUTAGE.replace("duration_s = 10", "duration_s = 60") + paused + pod)
    with Lab(
        "bench", "--no-reference", "--scenario", tmp_path / "outage.toml", "--strategies", "static",
        "--results", tmp_path / "results",
    ) as lab:  # fmt: skip
        redis = lab.wait_for_child("-server", "127.0.0.1:")
        give_up_s = time.monotonic() + 60
        while redis.status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < give_up_s
            time.sleep(0.05)
        family = lab.family()
        lab.process.send_signal(signal.SIGINT)
        code, said = lab.end()
    assert code == 130, said
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert len(gone) > 3


def test_a_redis_that_is_not_the_labs_own_is_never_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outage.toml").write_text(f"{OUTAGE}{REDIS_DIES}")
    with RedisServer(tmp_path) as server, BlockingRedis.from_url(server.url) as client:
        monkeypatch.setenv("LAB_REDIS_URL", server.url)
        client.set("somebody's", "own")
        with Lab("bench", "--scenario", tmp_path / "outage.toml", "--results", tmp_path / "results") as lab:
            code, told = lab.end()
        assert code == 2, told
        assert "faults.0: cache-away breaks the server" in " ".join(told.split())
        assert client.get("somebody's") == b"own"
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("fault", "url", "said"),
    [
        ({"kind": "cache-flushed"}, "redis://elsewhere", "breaks the server"),
        ({"kind": "cache-full", "for_s": 1}, "redis://elsewhere", "breaks the server"),
        ({"kind": "cache-slow", "for_s": 1, "ms": 5}, "redis://elsewhere", ""),
        ({"kind": "cache-slow", "for_s": 1, "ms": 5}, "rediss://elsewhere", "for TCP without TLS"),
        ({"kind": "cache-away", "for_s": 1, "empty": False}, "unix:///run/redis.sock", "for TCP without TLS"),
        ({"kind": "pod-killed", "for_s": 1, "pod": 0}, "rediss://elsewhere", ""),
        ({"kind": "origin-hangs", "for_s": 1}, "unix:///run/redis.sock", ""),
    ],
)
def test_what_can_be_done_beside_a_server_of_others_is_known_before_anything_starts(
    fault: dict[str, Any], url: str, said: str
) -> None:
    scenario = Scenario.model_validate(PLAIN | {"faults": [{"at_s": 1} | fault]})
    reason = why_not_with(scenario, url)
    assert said in reason
    assert bool(said) == bool(reason)
