"""Writes of a scenario that pods do not take: no result, unless a fault of the scenario breaks writes."""

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtest.figures.incident import Incident
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario, read_scenario
from loadtest.worlds.planned_writes import PlannedWrites

QUICK = read_scenario("hot-key", duration_s=8)
KILLED = {"kind": "pod-killed", "at_s": 2, "for_s": 1, "pod": 0}
AWAY = {"kind": "cache-away", "at_s": 2, "for_s": 1}
FAILS = {"kind": "origin-fails", "at_s": 2, "for_s": 1}


@pytest.mark.parametrize(
    ("faults", "spoils"),
    [([], True), ([FAILS], True), ([KILLED], False), ([AWAY], False)],
    ids=["no fault", "origin", "pod", "cache"],
)
def test_writes_that_fail_are_no_result_unless_a_fault_breaks_them(
    faults: list[dict[str, Any]], spoils: bool, tmp_path: Path
) -> None:
    """A pod is killed for a second: a third of the writes meanwhile are refused, and the run is a result."""
    scenario = Scenario.model_validate({**QUICK.model_dump(), "faults": faults, "writes": {"rate_per_s": 5}})
    told = asyncio.run(refused(PlannedRun(scenario, "static", 1), tmp_path))
    assert len(told) == 1
    assert told[0].what.endswith(" writes failed")
    assert told[0].spoils == spoils


async def refused(run: PlannedRun, folder: Path) -> list[Incident]:
    """Ask for a run's writes, all at once, where nobody listens."""
    with socket.socket() as taken:  # bound and not listening: nobody else's port meanwhile
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with httpx.AsyncClient(trust_env=False) as client:
            writes = PlannedWrites(client, [url], time.time() - run.scenario.duration_s)
            await writes.carry_out(run)
    return writes.record(folder / "writes.csv", run.scenario)
