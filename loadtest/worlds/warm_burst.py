"""The warm-up burst: every key asked for once at the same moment, by a client that is no bottleneck."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.latency import Latency
from loadtest.workload.scenario import Scenario
from loadtest.worlds.world import WorldFailed

IN_FLIGHT_MAX = 400
"""The most requests to one pod at once, within its 1,024 files.

Further keys leave as answers arrive, which still keeps the origin full.
"""
ANSWER_S_MAX = 30.0
EXCESS_SHARE_MAX = 0.5
"""The share of the origin's own time by which a burst may take longer, or `EXCESS_TTL_SHARE_MAX` if that is more."""
EXCESS_TTL_SHARE_MAX = 0.2
"""The share of the TTL by which a burst may take longer; beyond, expiries drift apart for a reason of the lab's."""


@dataclass(frozen=True, slots=True)
class Burst:
    """The moments of a burst that is over, seconds since the epoch."""

    asked_s: float
    first_s: float  # answer
    last_s: float
    times: int = 1
    """How often every key was asked for: once for each cache."""

    @property
    def spread_s(self) -> float:
        """Seconds between the first answer and the last, by which the entries expire apart."""
        return self.last_s - self.first_s

    def incidents(self, scenario: Scenario) -> list[str]:
        """The reasons why the run is unlike its scenario; empty where it is as stated."""
        own_s, ttl_s = origin_time_s(scenario, self.times), scenario.cache.ttl_s
        took_s = self.last_s - self.asked_s
        if self.spread_s > ttl_s:
            return [
                f"the warm-up burst took {took_s:.1f} s: its first entries had expired (TTL {ttl_s:g} s) before its "
                f"last were written; the origin alone needs {own_s:.1f} s"
            ]
        if took_s - own_s > max(EXCESS_SHARE_MAX * own_s, EXCESS_TTL_SHARE_MAX * ttl_s):
            return [f"the warm-up burst took {took_s:.1f} s, where the origin needs {own_s:.1f} s"]
        return []


def origin_time_s(scenario: Scenario, times: int = 1) -> float:
    """The seconds that the origin needs to read every key so many `times`, on all its connections."""
    latency = Latency.parse(scenario.origin.latency)
    keys, together, slowdown = times * scenario.keys.count, scenario.connections_together, scenario.origin.slowdown
    slower = 1.0 if slowdown is None else slowdown.times(min(keys, together))
    rounds = math.ceil(keys / together)
    return ((rounds - 1) * latency.mean_ms + max(latency.mean_ms, latency.longest_ms)) * slower / 1000


async def ask_for_all(
    pod_urls: Sequence[str], strategy: str, keys: int, at_once: int = IN_FLIGHT_MAX, *, each_all: bool = False
) -> Burst:
    """Ask for every key, all connections open, each pod for so many `at_once` as it takes.

    With `each_all` every pod is asked for all keys, for it has a cache of its own. Raises `WorldFailed` for an answer
    that is late or no item.
    """
    at_once = min(at_once, IN_FLIGHT_MAX)
    times = len(pod_urls) if each_all else 1
    step = len(pod_urls) // times
    waiting = [deque(range(pod % step, keys, step)) for pod in range(len(pod_urls))]
    places = [(url, left) for url, left in zip(pod_urls, waiting, strict=True) for _ in range(min(at_once, len(left)))]
    answered_s: list[float] = []

    async def ask(url: str, left: deque[int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            path = f"/{strategy}/data?id={left.popleft()}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode())
            async with asyncio.timeout(ANSWER_S_MAX):
                await _read_answer(reader, url + path)
            answered_s.append(time.time())

    async with AsyncExitStack() as opened:
        try:
            streams = [await _connect(url, opened) for url, _ in places]
            asked_s = time.time()
            async with asyncio.TaskGroup() as group:
                for (url, left), (reader, writer) in zip(places, streams, strict=True):
                    group.create_task(ask(url, left, reader, writer))
        except (OSError, ExceptionGroup) as error:
            first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            raise WorldFailed(f"warming {keys} keys failed: {first!r}") from error
    return Burst(asked_s, min(answered_s), max(answered_s), times)


async def _connect(url: str, opened: AsyncExitStack) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    opened.callback(writer.close)
    return reader, writer


async def _read_answer(reader: asyncio.StreamReader, what: str) -> None:
    """Read one whole answer. Raises ValueError unless it is a 200, EOFError where it ends early."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line for line in head.split("\r\n") if line.startswith("content-length:")), "content-length: 0")
    body = await reader.readexactly(int(length.partition(":")[2]))
    if head.split(" ", 2)[1] != "200":
        raise ValueError(f"{what}: {head.splitlines()[0]}: {body[:200].decode(errors='replace')}")
