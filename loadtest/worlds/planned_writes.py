"""The writes of a scenario in a world of real processes, each asked of the next pod at its moment of the load."""

import asyncio
import csv
import time
from pathlib import Path

import httpx

from loadtest.figures.failures import Kind, explained_by
from loadtest.figures.incident import Incident
from loadtest.figures.records import WRITE_COLUMNS
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.writes import Write, writes_of

AT_ONCE_MAX = 32
"""The most writes at once; a further one waits for one of them."""
WRITE_S_MAX = 5.0
"""Seconds within which a pod has written."""


class PlannedWrites:
    """The writes of one run, which are recorded with their real moments, in seconds since the epoch."""

    def __init__(self, client: httpx.AsyncClient, pod_urls: list[str], start_s: float) -> None:
        """Set up the writes of a load that begins at `start_s`, seconds since the epoch."""
        self._client, self._pod_urls, self._start_s = client, pod_urls, start_s
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        self._made: list[tuple[float, float, int]] = []
        self._failed = 0

    async def carry_out(self, run: PlannedRun) -> None:
        """Write until the load is over; those that are under way when this is cancelled are not recorded."""
        scenario = run.scenario
        assert scenario.writes is not None
        async with asyncio.TaskGroup() as group:
            for number, write in enumerate(writes_of(scenario.writes, scenario.keys, scenario.duration_s, run.seed)):
                await asyncio.sleep(self._start_s + write.time_s - time.time())
                await self._places.acquire()
                group.create_task(self._write(self._pod_urls[number % len(self._pod_urls)], write), name="write")

    async def _write(self, url: str, write: Write) -> None:
        began_s = time.time()
        try:
            answer = await self._client.post(f"{url}/items/{write.key}", timeout=WRITE_S_MAX)
            if answer.status_code == 200 and answer.json()["invalidated"]:
                self._made.append((began_s, time.time(), write.key))
            else:
                self._failed += 1
        except httpx.HTTPError:
            self._failed += 1
        finally:
            self._places.release()

    def record(self, path: Path, scenario: Scenario) -> list[Incident]:
        """Write down the writes that were made, and tell whether some were not. Raises OSError.

        Those that were not make the run no result, unless a fault of the scenario breaks writes.
        """
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([WRITE_COLUMNS, *sorted(self._made)])
        asked = len(self._made) + self._failed
        if not self._failed:
            return []
        return [Incident(f"{self._failed} of {asked} writes failed", Kind.UNWRITTEN not in explained_by(scenario))]
