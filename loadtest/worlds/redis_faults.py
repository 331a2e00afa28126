"""The faults of Redis that its own commands can make and undo; its process stays as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from loadtest.workload import faults
from loadtest.workload.faults import Fault
from loadtest.worlds.nemesis import CannotBreak

ANSWER_WITHIN_S = 5.0
SAMPLES = 50
"""Entries of which the size is asked for, to tell how much memory one takes."""
NO_ONE = ("127.0.0.1", "1")
"""An address at which no primary is, so that Redis stays a replica without one."""


class RedisFaults:
    """The faults of one server that is the lab's own: flushed, demoted, full. Implements `Nemesis`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before: dict[str, str] | None = None
        """The settings of its memory, before it was full."""

    async def begin(self, fault: Fault) -> None:
        async with self._client() as client:
            match fault:
                case faults.CacheFlushed():
                    await client.flushall()
                case faults.CacheRefuses(error="READONLY"):
                    await client.config_set("replica-serve-stale-data", "yes")
                    await client.execute_command("REPLICAOF", *NO_ONE)  # type: ignore[no-untyped-call]
                case faults.CacheRefuses(error="OOM"):
                    await self._fill(client, 1, "noeviction")
                case faults.CacheFull(policy=policy):
                    await self._fill(client, await _bytes_for(client, fault), policy)
                case _:
                    raise CannotBreak("no command of Redis does that")

    async def end(self, fault: Fault) -> None:
        async with self._client() as client:
            if isinstance(fault, faults.CacheRefuses) and fault.error == "READONLY":
                await client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
            elif self._before is not None:
                for name, value in self._before.items():
                    await client.config_set(name, value)
                self._before = None

    async def _fill(self, client: "Redis", bytes_max: int, policy: str) -> None:
        if self._before is None:
            told = await client.config_get("maxmemory", "maxmemory-policy")
            self._before = {str(name): str(value) for name, value in told.items()}
        await client.config_set("maxmemory-policy", policy)
        await client.config_set("maxmemory", bytes_max)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator["Redis"]:
        try:
            async with Redis.from_url(self._url, socket_timeout=ANSWER_WITHIN_S, decode_responses=True) as client:
                yield client
        except (RedisError, OSError) as error:
            raise CannotBreak(f"Redis does not do it: {error}") from error


async def _bytes_for(client: "Redis", fault: faults.CacheFull) -> int:
    """The memory in which Redis has room for as many entries as the fault says: 1 byte at least, as 0 is no bound."""
    stored = await client.dbsize()
    used = int((await client.info("memory"))["used_memory"])
    keys = [key async for key, _ in _some(client)]
    sizes = [await client.memory_usage(key) or 0 for key in keys]
    each = sum(sizes) / len(sizes) if sizes else 0.0
    return max(1, round(used - (stored - fault.room(stored)) * each))


async def _some(client: "Redis") -> AsyncIterator[tuple[str, int]]:
    number = 0
    async for key in client.scan_iter(count=SAMPLES):
        if number == SAMPLES:
            return
        yield key, number
        number += 1
