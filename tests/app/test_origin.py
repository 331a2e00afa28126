"""The slow store: capacity, bounds, and the file itself."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.clock import RedisClock
from app.ledger import Ledger, OriginRead, ReadOutcome
from app.metrics import Metrics, OriginMetrics
from app.origin import Origin
from app.settings import Settings
from app.store import SqliteStore
from app.store_file import create_store
from app.strategy import Loaded, LoadReason, OriginFailed, Shed


async def _never() -> float:
    raise AssertionError("this clock asks nobody")


def _origin(folder: Path, **changed: Any) -> tuple[Origin, Ledger]:
    settings = Settings(origin_path=folder / "origin.sqlite", items=10, key_space=12, **changed)
    create_store(settings)
    ledger, store = Ledger(1_000), SqliteStore(settings.origin_path)
    return Origin(settings, "any", RedisClock(_never), ledger, store, OriginMetrics(Metrics(), "any")), ledger


def _rows(ledger: Ledger) -> list[OriginRead]:
    return list(ledger.page(0)["rows"])


def _started(rows: list[OriginRead]) -> list[tuple[OriginRead, float]]:
    return [(row, row.started_s) for row in rows if row.started_s is not None]


def test_capacity_is_connections_over_latency_and_readers_queue(tmp_path: Path) -> None:
    async def scenario() -> list[OriginRead]:
        origin, ledger = _origin(tmp_path, origin_latency="fixed(30)", origin_connections=2)
        await asyncio.gather(*(origin.read(number, f"k{number}", LoadReason.MISS) for number in range(8)))
        await origin.aclose()
        return _rows(ledger)

    rows = asyncio.run(scenario())
    assert len(rows) == 8
    for row, started_s in _started(rows):
        assert row.ended_s - started_s >= 0.03  # the SELECT itself holds its connection
        held = sum(began_s <= started_s < other.ended_s for other, began_s in _started(rows))
        assert held <= 2
    # four waves of two: the last is asked at the beginning and starts after three latencies
    assert max(started_s - row.asked_s for row, started_s in _started(rows)) >= 0.09


def test_one_reader_more_than_may_wait_is_shed(tmp_path: Path) -> None:
    async def scenario() -> list[object]:
        origin, _ = _origin(tmp_path, origin_latency="fixed(30)", origin_connections=1, origin_queue_max=2)
        reads = (origin.read(number, "k", LoadReason.MISS) for number in range(5))  # all in the same turn of the loop
        answers = await asyncio.gather(*reads, return_exceptions=True)
        await origin.aclose()
        return list(answers)

    answers = asyncio.run(scenario())
    assert [isinstance(answer, Shed) for answer in answers] == [False, False, False, True, True]
    assert "origin_queue_max" in str(answers[-1])


def test_a_read_that_takes_too_long_fails_but_holds_its_connection_to_its_end(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, list[OriginRead]]:
        origin, ledger = _origin(tmp_path, origin_latency="fixed(120)", origin_timeout_ms=20)
        with pytest.raises(OriginFailed, match="origin_timeout_ms"):
            await origin.read(1, "k", LoadReason.MISS)
        still_reading = origin.reading
        await asyncio.sleep(0.3)
        await origin.aclose()
        return still_reading, _rows(ledger)

    still_reading, rows = asyncio.run(scenario())
    assert still_reading == 1
    assert [row.outcome for row in rows] == [ReadOutcome.OK]


def test_a_missing_item_takes_as_long_as_one_that_is_there(tmp_path: Path) -> None:
    async def scenario() -> tuple[Loaded, list[OriginRead]]:
        origin, ledger = _origin(tmp_path, origin_latency="fixed(25)")
        loaded = await origin.read(11, "k", LoadReason.MISS)
        await origin.aclose()
        return loaded, _rows(ledger)

    loaded, rows = asyncio.run(scenario())
    assert loaded.absent
    assert loaded.cost_s >= 0.025
    ((row, started_s),) = _started(rows)
    assert row.ended_s - started_s >= 0.025


def test_the_version_counts_the_changes_of_an_item(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        origin, _ = _origin(tmp_path, origin_latency="fixed(1)", change_every_s=0.01)
        versions = []
        for _ in range(5):
            versions.append(json.loads((await origin.read(3, "k", LoadReason.MISS)).body)["version"])
            await asyncio.sleep(0.01)
        await origin.aclose()
        return versions

    versions = asyncio.run(scenario())
    assert versions == sorted(set(versions))
