"""An embedded Redis in real time, which each pod of a bench reaches over a relay of its own."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from redis.asyncio import Redis

from loadtest.contract.behaviour.bench import PODS, KeyHeld
from loadtest.contract.behaviour.keys import keys_held
from loadtest.worlds.redis_process import RedisProcess

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
OWN_COMMANDS = frozenset({"info", "config|resetstat"})
"""Commands that the bench itself sends to read the counts."""
_RESET = struct.pack("ii", 1, 0)  # a linger of no time, which makes a reset of a close


class PodRelay:
    """The way of one pod to Redis, which can be cut and reset."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._ways: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Accept connections, at the port that it had."""
        self._server = await asyncio.start_server(self._join, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def connections(self) -> int:
        return len(self._ways)

    def reset(self) -> None:
        """Reset every connection of the pod."""
        for near, far in tuple(self._ways.items()):
            near.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            near.transport.abort()
            far.transport.abort()

    def cut(self) -> None:
        """Reset every connection, and refuse further ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    async def aclose(self) -> None:
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        running = asyncio.current_task()
        assert running is not None
        self._tasks.add(running)
        try:
            from_far, far = await asyncio.open_connection(HOST, self._to_port)
        except OSError:
            near.transport.abort()
            self._tasks.discard(running)
            return
        self._ways[near] = far
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, far))
                both.create_task(_pass_on(from_far, near))
        except* OSError:
            pass  # either end has gone, and so has the connection
        finally:
            self._ways.pop(near, None)
            self._tasks.discard(running)
            near.transport.abort()
            far.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until the end of the stream, which ends both ways. Raises OSError."""
    while some := await reader.read(CHUNK_BYTES):
        writer.write(some)
        await writer.drain()
    raise ConnectionResetError


class NativeRedis:
    """An embedded Redis that is there alone for one bench. Implements `bench.ProbedRedis`."""

    def __init__(self, process: RedisProcess) -> None:
        self._process = process
        self._relays: list[PodRelay] = []
        self._own = Redis.from_url(process.url)

    async def open(self) -> None:
        """Empty it, and open the relays."""
        await self._own.flushall()
        port = int(self._process.url.rpartition(":")[2].partition("/")[0])
        self._relays = [PodRelay(port) for _ in range(PODS)]
        for relay in self._relays:
            await relay.open()

    async def aclose(self) -> None:
        for relay in self._relays:
            await relay.aclose()
        await self._own.aclose()

    def url_of(self, pod: int) -> str:
        return f"redis://{HOST}:{self._relays[pod].port}/0"

    def at(self, pod: int) -> AbstractContextManager[None]:
        return nullcontext()

    async def flush(self) -> None:
        await self._own.flushall()

    async def restart(self) -> None:
        await self._process.kill()
        await self._process.start_again()

    async def leave(self) -> None:
        for relay in self._relays:
            relay.cut()

    async def come_back(self) -> None:
        for relay in self._relays:
            await relay.open()

    async def reset_connections(self) -> None:
        for relay in self._relays:
            relay.reset()

    async def cut_off(self, pod: int) -> None:
        self._relays[pod].cut()

    async def keys(self) -> Sequence[KeyHeld]:
        return await keys_held(self._own)

    async def connections(self) -> int:
        return sum(relay.connections for relay in self._relays)

    async def commands(self) -> Mapping[str, int]:
        stats = await self._own.info("commandstats")
        counts = {name.removeprefix("cmdstat_"): int(told["calls"]) for name, told in stats.items()}
        return Counter({name: count for name, count in counts.items() if name not in OWN_COMMANDS})
