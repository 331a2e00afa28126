"""A workload with everything that a scenario may say of it, in processes: as in virtual time, from the same seed."""

import asyncio
import csv
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from app.discovery import discover
from app.settings import Settings
from app.store import SqliteStore
from app.store_file import create_store
from app.store_versions import create_versions, versions_of
from loadtest.figures.recorded_history import WRITES, RecordedHistory
from loadtest.figures.summarise import summarise
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.writes import writes_of
from loadtest.worlds.native import native_world

pytestmark = pytest.mark.alone

WORKLOAD = {
    "name": "workload",
    "title": "Phases, absent ids, sizes and writes",
    "duration_s": 6,
    "pods": 2,
    "load": {
        "loop": "open",
        "rate_per_s": 100,
        "phases": [{"for_s": 2}, {"for_s": 2, "rate_share": 3, "trigger": True}],
    },
    "keys": {"count": 4, "absent_share": 0.2, "absent_count": 3},
    "cache": {"ttl_s": 2},
    "origin": {"latency": "fixed(50)", "connections": 32},
    "payload": {"bytes": "lognormal(2000, 1)"},
    "writes": {"rate_per_s": 5, "invalidation": "none"},
}


def workload(**changes: Any) -> Scenario:
    return Scenario.model_validate(WORKLOAD | changes)


async def recorded(run: PlannedRun, folder: Path) -> Path:
    async with native_world(lambda _: folder) as world:
        await world.run(run, lambda _: None)
    return folder / "raw" / run.label


def test_processes_have_the_writes_and_the_answers_of_virtual_time(tmp_path: Path) -> None:
    run = PlannedRun(workload(), "singleflight", 1)
    raw = asyncio.run(recorded(run, tmp_path))
    row = summarise(RecordedHistory(raw, run)).summary
    simulated = simulate(run.scenario, discover().strategies["singleflight"], 1).row
    assert (row.errors, row.wrong_answers) == (0, 0), row.incidents
    assert row.requests == simulated.requests, "phases are drawn alike"
    assert run.scenario.writes is not None
    planned = [*writes_of(run.scenario.writes, run.scenario.keys, run.scenario.duration_s, 1)]
    with (raw / WRITES).open(encoding="utf-8", newline="") as file:
        made = [int(line["key"]) for line in csv.DictReader(file)]
    assert sorted(made) == sorted(write.key for write in planned)
    assert row.writes == simulated.writes == len(planned)
    assert row.overtaken_share is not None
    assert simulated.overtaken_share is not None
    assert row.overtaken_share == pytest.approx(simulated.overtaken_share, abs=0.12)
    absent = [code for path in raw.glob("answers*.csv") for code in codes(path)].count("404")
    assert absent / row.requests == pytest.approx(0.2, abs=0.03)


def codes(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [line["code"] for line in csv.DictReader(file)]


def test_a_delete_costs_a_load_for_each_write_in_processes_too(tmp_path: Path) -> None:
    """How many answers are overtaken all the same is chance: one load that began before a write stays for a TTL."""
    writes = {"rate_per_s": 5, "invalidation": "delete"}
    run = PlannedRun(workload(writes=writes, duration_s=3, cache={"ttl_s": 60}), "singleflight", 1)
    raw = asyncio.run(recorded(run, tmp_path))
    row = summarise(RecordedHistory(raw, run)).summary
    assert (row.errors, row.wrong_answers) == (0, 0)
    with (raw / "ledger.csv").open(encoding="utf-8", newline="") as file:
        read = [int(line["key"].rpartition(":")[2]) for line in csv.DictReader(file)]
    keys = run.scenario.keys.count
    assert row.writes
    assert sum(key < keys for key in read) >= keys + 0.6 * row.writes


def test_a_read_has_the_version_of_its_beginning_and_waits_for_no_write(tmp_path: Path) -> None:
    settings = Settings(origin_path=tmp_path / "origin.sqlite", items=3, invalidation="delete")
    versions = versions_of(settings)
    assert versions is not None

    async def story() -> None:
        loop, slow_s = asyncio.get_running_loop(), 0.3
        here, there = (SqliteStore(settings.origin_path, versions) for _ in range(2))
        assert (await here.read(1, 0) or ())[2:] == (0, None), "it was never written"
        reading = asyncio.create_task(here.read(1, slow_s * 1000))
        await asyncio.sleep(slow_s / 3)
        took = []
        for number in (1, 2, 3):
            began_s = loop.time()
            assert (await there.write(1, 100.0 + number) or ())[2:] == (number, 100.0 + number)
            took.append(loop.time() - began_s)
        assert not reading.done()
        assert mean(took) < slow_s / 3
        assert (await reading or ())[2:] == (0, None), "it began before them"
        assert (await here.read(1, 0) or ())[2:] == (3, 103.0)
        assert await here.read(7, 0) is None
        await here.aclose()
        await there.aclose()

    create_store(settings)
    for _ in range(2):  # as each pod does
        create_versions(versions)
    asyncio.run(story())


def test_pods_that_start_at_once_make_one_file_of_versions(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / f"{number}.versions"
        with ThreadPoolExecutor(8) as pods:
            list(pods.map(create_versions, [path] * 8))
        with closing(sqlite3.connect(path)) as file:
            assert [*file.execute("PRAGMA journal_mode")] == [("wal",)]


def test_somebody_elses_file_is_not_used_for_versions(tmp_path: Path) -> None:
    path = tmp_path / "origin.sqlite.versions"
    settings = Settings(origin_path=tmp_path / "origin.sqlite", items=3)
    create_store(settings)
    settings.origin_path.rename(path)
    before = path.read_bytes()
    with pytest.raises(OSError, match="is there and not the lab's own"):
        create_versions(path)
    assert path.read_bytes() == before
