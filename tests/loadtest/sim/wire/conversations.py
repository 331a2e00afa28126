"""Conversations with a Redis, byte for byte, in either world, so that one suite can run against both."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import hiredis
from redis.asyncio import Redis

from app.commands import Pack, Word, bytes_of
from loadtest.sim.kernel.loop import VirtualLoop, run_on
from loadtest.sim.wire.network import Host, Network, dialling
from loadtest.sim.wire.server import VirtualRedis
from loadtest.sim.wire.surroundings import LibrarySurroundings

T = TypeVar("T")

WAY_S = 0.0005
WITHIN_S = 10.0
_NOT_ALL_THERE = object()


class Talker:
    """A connection of one's own to a Redis, which keeps the bytes of each reply."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._replies = hiredis.Reader(notEnoughData=_NOT_ALL_THERE)
        self._bytes = b""

    async def say(self, *words: Word) -> bytes:
        """Send a command, and return the bytes of the reply."""
        self.send(*words)
        return await self.hear()

    def send(self, *words: Word) -> None:
        self._writer.write(bytes_of(words))

    async def say_packed(self, command: Pack) -> bytes:
        """Send a command as the service packs it, and return the bytes of the reply."""
        self._writer.write(command())
        return await self.hear()

    async def hear(self) -> bytes:
        """The bytes of the next reply or message."""
        async with asyncio.timeout(WITHIN_S):
            for size in range(1, 1 << 20):
                while len(self._bytes) < size:
                    if not (more := await self._reader.read(65_536)):
                        raise ConnectionError("closed")
                    self._bytes += more
                self._replies.feed(self._bytes[size - 1 : size])
                if self._replies.gets() is not _NOT_ALL_THERE:
                    heard, self._bytes = self._bytes[:size], self._bytes[size:]
                    return heard
        raise AssertionError("too long a reply")

    async def is_silent(self, for_s: float = 0.02) -> bool:
        """Whether nothing comes for a while."""
        if self._bytes:
            return False
        try:
            async with asyncio.timeout(for_s):
                self._bytes += await self._reader.read(65_536)
        except TimeoutError:
            return True
        return False

    async def aclose(self) -> None:
        self._writer.close()
        await asyncio.wait([asyncio.ensure_future(self._writer.wait_closed())])


class Conversation:
    """The connections of one case, all of which speak one version of RESP."""

    def __init__(self, url: str, protocol: int) -> None:
        self.url, self.protocol = url, protocol
        self.talkers: list[Talker] = []

    async def talker(self) -> Talker:
        address = urlsplit(self.url)
        talker = Talker(*await asyncio.open_connection(address.hostname, address.port))
        self.talkers.append(talker)
        if self.protocol == 3:
            await talker.say("HELLO", 3)
        return talker

    async def tell(self, commands: Sequence[Sequence[Word]]) -> list[bytes]:
        """The replies to commands on one connection."""
        talker = await self.talker()
        return [await talker.say(*words) for words in commands]

    async def aclose(self) -> None:
        for talker in self.talkers:
            await talker.aclose()


Case = Callable[[Conversation], Awaitable[T]]


class WireWorld(Protocol):
    """A world with a Redis in it."""

    def run(self, case: Case[T], protocol: int = 2) -> T:
        """What the case gives, beginning with an empty Redis."""
        ...


class SimulatedWorld:
    def __init__(self, seed: int = 1) -> None:
        self._seed = seed

    def run(self, case: Case[T], protocol: int = 2) -> T:
        return self.run_with(lambda _: case, protocol)

    def run_with(self, case_of: Callable[[VirtualRedis], Case[T]], protocol: int = 2) -> T:
        """What a case gives that has the server in its hand."""
        running = VirtualLoop(3600.0)
        running.surroundings = surroundings = LibrarySurroundings(running, seed=self._seed)
        assert surroundings is not None

        async def main() -> T:
            running.network = network = Network(running)
            dialling.set(Host("pod-1", lambda: WAY_S))
            server = VirtualRedis(network, epoch_s=1_767_225_600.0, seed=self._seed)
            return await _play(case_of(server), server.url, protocol)

        return run_on(running, main())


class RealWorld:
    """The embedded Redis of native runs."""

    def __init__(self, url: str) -> None:
        self._url = url

    def run(self, case: Case[T], protocol: int = 2) -> T:
        async def main() -> T:
            async with Redis.from_url(self._url) as client:
                await client.flushall()
                await client.script_flush()
            return await _play(case, self._url, protocol)

        return asyncio.run(main())


async def _play(case: Case[T], url: str, protocol: int) -> T:
    conversation = Conversation(url, protocol)
    try:
        return await case(conversation)
    finally:
        await conversation.aclose()


def same_in_both(case: Case[Any], redis_url: str, protocol: int) -> Any:
    """What the case gives, which must be the same in both worlds."""
    simulated = SimulatedWorld().run(case, protocol)
    real = RealWorld(redis_url).run(case, protocol)
    apart = [pair for pair in zip(simulated, real, strict=True) if pair[0] != pair[1]]
    assert simulated == real, "\n".join(f"simulated {one}, real {other}" for one, other in apart)
    return real
