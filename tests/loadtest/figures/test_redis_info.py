"""What Redis says of itself before a run and after it: whether somebody emptied it, or it is another one by now."""

import asyncio
import json
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from loadtest.figures.redis_info import AFTER, BEFORE, NOT_KNOWN, what_happened, what_it_says
from loadtest.workload.scenario import Scenario, read_scenario
from tests.redis_server import RedisServer

QUIET = read_scenario("hot-key")


def said(run_id: str = "a", evicted_keys: int = 0, flushall: int = 0, flushdb: int = 0) -> dict[str, Any]:
    return {"run_id": run_id, "evicted_keys": evicted_keys, "calls": {"flushall": flushall, "flushdb": flushdb}}


def told(
    raw: Path, before: dict[str, Any], after: dict[str, Any], scenario: Scenario = QUIET
) -> tuple[list[str], list[str]]:
    (raw / BEFORE).write_text(json.dumps(before))
    (raw / AFTER).write_text(json.dumps(after))
    return what_happened(raw, scenario)


def test_what_redis_did_during_the_run_is_told_and_what_it_did_before_is_not(tmp_path: Path) -> None:
    old = said(evicted_keys=5, flushall=7, flushdb=1)
    assert told(tmp_path, old, old) == ([], [])
    incidents, notes = told(tmp_path, old, said(evicted_keys=1_205, flushall=9, flushdb=2))
    assert notes == []
    assert incidents == [
        "Redis was emptied during the run (FLUSHALL, 2 times)",
        "Redis was emptied during the run (FLUSHDB, once)",
        "Redis evicted 1,200 keys during the run",
    ]


def test_a_redis_that_began_anew_counts_from_nothing(tmp_path: Path) -> None:
    incidents, notes = told(tmp_path, said(flushall=7), said(run_id="b", flushall=1))
    assert incidents == ["Redis began anew during the run", "Redis was emptied during the run (FLUSHALL, once)"]
    assert notes == []


def test_what_the_scenario_does_to_redis_is_no_incident_and_what_is_beyond_it_is(tmp_path: Path) -> None:
    def planned(*kinds: str) -> Scenario:
        faults = [{"kind": kind, "at_s": 1} | ({} if kind == "cache-flushed" else {"for_s": 1}) for kind in kinds]
        return Scenario.model_validate(QUIET.model_dump() | {"faults": faults})

    begun_anew, twice, evicted = said(run_id="b"), said(flushall=2), said(evicted_keys=3)
    assert told(tmp_path, said(), begun_anew, planned("cache-away")) == ([], [])
    assert told(tmp_path, said(), twice, planned("cache-flushed", "cache-flushed")) == ([], [])
    assert told(tmp_path, said(), evicted, planned("cache-full")) == ([], [])
    assert told(tmp_path, said(), twice, planned("cache-flushed"))[0] == [
        "Redis was emptied during the run (FLUSHALL, once)"
    ]
    for other in (begun_anew, evicted, twice):
        assert told(tmp_path, said(), other, planned("cache-paused"))[0] != []


def test_what_redis_does_not_say_is_a_note(tmp_path: Path) -> None:
    assert what_happened(tmp_path, QUIET) == ([], [NOT_KNOWN])
    assert told(tmp_path, said(), {"unknown": "NoPermissionError"}) == ([], [NOT_KNOWN])
    assert told(tmp_path, said(flushall=7), said(flushall=1)) == ([], [NOT_KNOWN])  # CONFIG RESETSTAT


def test_a_real_redis_says_that_it_was_emptied_and_began_anew(tmp_path: Path) -> None:
    async def flush(url: str) -> None:
        async with Redis.from_url(url) as client:
            await client.flushall()
            await client.flushdb()
            await client.flushall()

    with RedisServer(tmp_path) as server:
        before = asyncio.run(what_it_says(server.url))
        asyncio.run(flush(server.url))
        after = asyncio.run(what_it_says(server.url))
        server.kill()
        away = asyncio.run(what_it_says(server.url))
        server.start()
        anew = asyncio.run(what_it_says(server.url))
    assert told(tmp_path, before, after)[0] == [
        "Redis was emptied during the run (FLUSHALL, 2 times)",
        "Redis was emptied during the run (FLUSHDB, once)",
    ]
    assert told(tmp_path, before, away) == ([], [NOT_KNOWN])
    assert told(tmp_path, before, anew)[0] == ["Redis began anew during the run"]


def test_a_redis_that_does_not_permit_it_is_not_known_and_no_secret_is_kept(tmp_path: Path) -> None:
    async def ask(server: RedisServer) -> dict[str, Any]:
        async with Redis.from_url(server.url) as client:
            await client.acl_setuser("small", enabled=True, passwords=["+s3cret"], commands=["+get"], keys=["*"])
        return await what_it_says(server.url.replace("redis://", "redis://small:s3cret@"))

    with RedisServer(tmp_path) as server:
        answer = asyncio.run(ask(server))
    assert answer == {"unknown": "NoPermissionError"}
