"""The system under test: Redis and pods, wherever their processes run."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contender_names import file_of
from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.ambient import shown_url
from loadtest.worlds.child_processes import Children
from loadtest.worlds.forked_locust import ForkServer
from loadtest.worlds.nemesis import Nemesis
from loadtest.worlds.proxy_process import Proxies
from loadtest.worlds.world import WorldFailed

BeforePodEnds = Callable[[int, int], Awaitable[bool]]
"""A function that keeps what a pod, by its number and that of its process, has counted; False where it is silent."""


async def _keep_nothing(number: int, life: int) -> bool:
    return False


@dataclass(slots=True)
class System:
    """A system that answers: its Redis, its pods, and the owner of the child processes of a run."""

    redis_url: str
    pod_urls: list[str]
    children: Children
    locust: ForkServer | None = None
    """The server that forks Locust; None where it is started anew for each run."""
    owns_redis: bool = False
    """Whether Redis was started for this system, and holds no other keys."""
    is_sound: bool = False
    """Whether a run has ended in it without an incident, so that it may serve another."""
    beside_pods: Mapping[str, str] | None = None
    """The environment of a process beside the pods, with their settings; None where none can be started."""
    last_run: Path | None = None
    """The folder of the records of the run that it served before; None where it is new."""
    remarks: Sequence[str] = ()
    """Remarks on this system for the record of its next run."""
    notes: Sequence[str] = ()
    """Facts about this system that a reader of its next run's figures needs."""
    proxies: Proxies | None = None
    """The proxies that stand in front of the pods for its next run; None where the load asks the pods themselves."""
    nemesis: Nemesis | None = None
    """The one who breaks its parts; None where nothing can be broken on time."""
    before_pod_ends: BeforePodEnds = _keep_nothing
    """The function that keeps what a pod has counted, called before its end; the run that it serves sets it."""

    @property
    def asked_urls(self) -> list[str]:
        """The URLs that the load is sent to: those of the pods, or of the proxies in front of them."""
        return self.pod_urls if self.proxies is None else self.proxies.urls


ANSWER_WITHIN_S = 5.0
"""Seconds within which Redis answers a command."""
OpenSystem = Callable[[PlannedRun, Path], AbstractAsyncContextManager[System]]
"""A function that opens a system for a run, given a folder for logs. Raises `WorldFailed`."""


async def forget_keys(redis_url: str, strategy: str | None) -> None:
    """Remove the strategy's keys and no others, for the server may be shared; all for None. Raises `WorldFailed`."""
    try:
        async with Redis.from_url(redis_url, socket_timeout=ANSWER_WITHIN_S) as client:
            if strategy is None:
                await client.flushall()
                return
            # a library may set words of its own before a key of the lab's
            begins = "*" if file_of(strategy) is not None else ""
            keys = [key async for key in client.scan_iter(f"{begins}lab:{strategy}:*", count=1_000)]
            if keys:
                await client.unlink(*keys)
    except (RedisError, OSError) as error:
        raise WorldFailed(f"Redis at {shown_url(redis_url)} does not answer: {error}") from error


OFFSET_SAMPLES = 5


async def clock_offset_s(redis_url: str) -> float:
    """Redis's time, which the ledgers go by, less this machine's, seconds; the quickest round trip counts."""
    best_round_trip_s, offset_s = math.inf, 0.0
    async with Redis.from_url(redis_url) as client:
        await client.ping()
        for _ in range(OFFSET_SAMPLES):
            asked_s = time.time()
            seconds, microseconds = await client.time()
            answered_s = time.time()
            if answered_s - asked_s < best_round_trip_s:
                best_round_trip_s = answered_s - asked_s
                offset_s = float(seconds) + float(microseconds) / 1e6 - (asked_s + answered_s) / 2
    return offset_s
