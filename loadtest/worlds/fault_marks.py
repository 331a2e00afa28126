"""The marks of faults in Grafana: a series that is there from a fault's real beginning to its real end.

Grafana draws a region where the series is. It needs no account for that, and no list of its own to keep.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import httpx

SERIES = "lab_fault"
PORT = 8428
"""The port of the metrics store in its container."""
TELL_EVERY_S = 1.0
TELL_WITHIN_S = 5.0
"""Seconds within which the metrics store takes a mark."""


class FaultMarks:
    """The marks that are told to the metrics store of this URL. A store that does not answer ends no fault."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/v1/import/prometheus"
        self.missing = ""
        """The reason why the newest mark could not be told; empty where it was."""

    @asynccontextmanager
    async def marked(self, fault: str, does: str) -> AsyncIterator[None]:
        """A context whose time is marked, to the millisecond at both ends; a word of what it does goes along."""
        text = does.replace("\\", "").replace('"', "'").replace("\n", " ")
        mark = _Mark(f'{SERIES}{{fault="{fault}",does="{text}"}}', time.time())
        over = asyncio.Event()
        async with httpx.AsyncClient(timeout=TELL_WITHIN_S, trust_env=False) as client:
            telling = asyncio.create_task(self._tell_on(client, mark, over), name=f"mark {fault}")
            try:
                yield
            finally:
                ended_s = time.time()
                over.set()
                await telling  # not cancelled: what the store may have taken already would be told twice
                await self._tell(client, mark, ended_s)

    async def _tell_on(self, client: httpx.AsyncClient, mark: "_Mark", over: asyncio.Event) -> None:
        while not over.is_set():
            await self._tell(client, mark, time.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), TELL_EVERY_S)

    async def _tell(self, client: httpx.AsyncClient, mark: "_Mark", until_s: float) -> None:
        """Tell what was not told yet, up to that moment."""
        try:
            (await client.post(self._url, content=mark.lines(until_s))).raise_for_status()
        except httpx.HTTPError as error:
            self.missing = repr(error)
        else:
            self.missing, mark.told_until_s = "", until_s


class _Mark:
    """One mark: its series, and up to when it was taken."""

    def __init__(self, series: str, began_s: float) -> None:
        self._series, self._began_s = series, began_s
        self.told_until_s = -math.inf

    def lines(self, until_s: float) -> str:
        """The samples since the last that were told, in Prometheus's text format."""
        return "\n".join(f"{self._series} 1 {int(at_s * 1000)}" for at_s in self._moments(until_s))

    def _moments(self, until_s: float) -> Iterator[float]:
        """The beginning, every whole second since then, and the end."""
        if self.told_until_s < self._began_s:
            yield self._began_s
        first = math.floor(max(self._began_s, self.told_until_s)) + 1
        yield from (float(second) for second in range(first, math.floor(until_s) + 1))
        yield until_s
