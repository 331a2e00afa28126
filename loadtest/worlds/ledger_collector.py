"""The collector of the pods' ledgers while a run goes on."""

import asyncio
import csv
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import numpy as np

from app.ledger import OriginRead, ReadOutcome
from loadtest.figures.origin_load import sliding_peak

DRAIN_WITHIN_S = 15.0
ANSWER_WITHIN_S = 10.0
"""Seconds within which a pod tells its ledger; one that is paused for longer is asked again a second later."""


class LedgerFile:
    """The pods' ledgers, fetched page by page into one file, so that a pod that dies loses few lines."""

    def __init__(self, client: httpx.AsyncClient, pod_urls: Sequence[str], path: Path) -> None:
        self._client = client
        self._next = dict.fromkeys(pod_urls, 0)
        self._instances: dict[str, str] = {}
        """The process that each pod was when it was asked last: a new one counts from 0 again."""
        self._asking = {url: asyncio.Lock() for url in pod_urls}
        self._under_way = dict.fromkeys(pod_urls, 0)
        self.silent_urls: set[str] = set()
        """The pods that did not answer the last request."""
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(OriginRead._fields)
        self._asked_s: list[float] = []
        self.dropped = 0

    def __enter__(self) -> "LedgerFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def reads(self) -> int:
        return len(self._asked_s)

    def peak_1s(self) -> int:
        """The most accepted reads in any sliding second so far, by the moment at which they were asked for."""
        return sliding_peak(np.array(self._asked_s))

    async def skip(self) -> None:
        """Skip what the pods have read so far: it belongs to the warm-up, or to an earlier run."""
        for url in self._next:
            page = (await self._client.get(f"{url}/ledger", params={"after": 2**62})).raise_for_status().json()
            self._next[url], self._instances[url] = page["written"], page["instance"]

    async def fetch(self) -> None:
        """Fetch the new lines of every pod. A pod that does not answer is left out: its fall is an incident."""
        await asyncio.gather(*(self.fetch_from(url) for url in self._next))
        self._file.flush()  # a killed process loses no more than a second of the ledger

    async def fetch_from(self, url: str) -> int | None:
        """Fetch the new lines of one pod; the number of its reads under way, or None where it does not answer."""
        async with self._asking[url]:  # the same lines are never fetched twice
            is_there = await self._fetch(url)
        return self._under_way[url] if is_there else None

    async def _fetch(self, url: str) -> bool:
        while True:
            try:
                answer = await self._client.get(
                    f"{url}/ledger", params={"after": self._next[url]}, timeout=ANSWER_WITHIN_S
                )
                answer.raise_for_status()
            except httpx.HTTPError:
                self._under_way[url] = 0
                self.silent_urls.add(url)
                return False
            self.silent_urls.discard(url)
            page = answer.json()
            if self._instances.setdefault(url, page["instance"]) != page["instance"]:
                self._instances[url], self._next[url] = page["instance"], 0
                continue
            self._writer.writerows(page["rows"])
            rows = (OriginRead(*row) for row in page["rows"])
            self._asked_s += [read.asked_s for read in rows if read.outcome != ReadOutcome.SHED]
            self.dropped += page["dropped"]
            self._next[url] = page["next"]
            self._under_way[url] = page["under_way"]
            if page["next"] == page["written"]:
                return True

    def add(self, path: Path) -> None:
        """Add the ledger of a process that has ended. Raises OSError, and ValueError where it is none."""
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        if tuple(header) != OriginRead._fields:
            raise ValueError(f"{path} is no ledger")
        self._writer.writerows(rows)
        shed = OriginRead._fields.index("outcome")
        self._asked_s += [float(row[0]) for row in rows if row[shed] != ReadOutcome.SHED]

    async def drain(self) -> None:
        """Wait until no read is under way any more, so that the ledgers hold all of them."""
        give_up_s = time.monotonic() + DRAIN_WITHIN_S
        while time.monotonic() < give_up_s:
            await self.fetch()
            if not any(self._under_way.values()):
                return
            await asyncio.sleep(0.1)
