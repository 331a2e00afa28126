"""The warmers of a scenario as processes beside the pods: they are in the run's ledger, and end with it."""

import asyncio
import csv
from bisect import bisect_left
from pathlib import Path

from loadtest.figures.recorded_history import RecordedHistory
from loadtest.figures.summarise import summarise
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.native import native_world

KEYS, RATE = 100, 40
SCENARIO = Scenario.model_validate(
    {
        "name": "warmed",
        "title": "Two warmers beside two pods",
        "duration_s": 4,
        "pods": 2,
        "load": {"loop": "open", "rate_per_s": 10},
        "keys": {"count": KEYS},
        "cache": {"ttl_s": 30},
        "origin": {"latency": "fixed(20)", "connections": 32},
        "warming": {"at_s": 0.5, "warmers": 2, "rate_per_s": RATE, "ttl": "spread"},
    }
)


async def recorded(run: PlannedRun, folder: Path) -> Path:
    async with native_world(lambda _: folder) as world:
        await world.run(run, lambda _: None)
    return folder / "raw" / run.label


def test_warmers_load_what_nobody_has_loaded_and_each_keeps_its_rate_in_every_sliding_second(tmp_path: Path) -> None:
    run = PlannedRun(SCENARIO, "singleflight", 1)
    raw = asyncio.run(recorded(run, tmp_path))
    row = summarise(RecordedHistory(raw, run)).summary
    assert (row.valid, row.errors, row.wrong_answers) == (True, 0, 0), row.incidents
    with (raw / "ledger.csv").open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert len({read["key"] for read in rows}) == len(rows), "each key once, by a visitor's load or a warmer's"
    warm = [read for read in rows if read["reason"] == "warm"]
    assert row.reads_by_reason["warm"] == len(warm) > KEYS / 2
    for name in ("warmer-1", "warmer-2"):
        asked_s = sorted(float(read["asked_s"]) for read in warm if read["pod"] == name)
        assert max(bisect_left(asked_s, at_s + 1) - place for place, at_s in enumerate(asked_s)) <= RATE
