"""A server that speaks as much of Redis's protocol as a pod's cache needs, with faults that no real one has.

On request its clock is set, and its connections go silent without a word.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import hiredis

HELLO = [b"server", b"redis", b"version", b"7.2.4", b"mode", b"standalone", b"role", b"master"]
Reply = bytes | int | None | list["Reply"]


class FakeRedis:
    """On loopback, on a free port; see `fake_redis`. Entries end at a moment of its own clock (PXAT)."""

    def __init__(self) -> None:
        self.url = ""
        self.ahead_s = 0.0
        """By how much its clock is set."""
        self.subscribed = 0
        """How many subscriptions there were, ever."""
        self.is_mute = False
        """Whether connections that are made now are never answered."""
        self._values: dict[bytes, tuple[bytes, int]] = {}
        self._silent: set[asyncio.StreamWriter] = set()
        self._connected: set[asyncio.StreamWriter] = set()
        self._listeners: dict[asyncio.StreamWriter, bytes] = {}

    def now_s(self) -> float:
        return time.time() + self.ahead_s

    def go_silent(self) -> None:
        """Nothing comes back any more on the connections that there are; new ones are served."""
        self._silent |= self._connected

    def hang_up(self) -> None:
        """Close the connections that there are."""
        for writer in self._connected:
            writer.close()

    def notify(self, text: bytes) -> None:
        for writer, channel in self._listeners.items():
            self._send(writer, [b"message", channel, text])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self._connected.add(writer)
        if self.is_mute:
            self._silent.add(writer)
        requests = hiredis.Reader()
        try:
            while data := await reader.read(65_536):
                requests.feed(data)
                while (request := requests.gets()) is not False:
                    name, *words = request
                    self._send(writer, self._answer(name.upper(), words, writer))
        except ConnectionError:
            pass
        finally:
            self._connected.discard(writer)
            self._listeners.pop(writer, None)
            writer.close()

    def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        if writer not in self._silent:
            writer.write(_packed(reply))

    def _answer(self, name: bytes, words: list[bytes], writer: asyncio.StreamWriter) -> Reply:
        reply: Reply = b"OK"
        match name:
            case b"HELLO":
                reply = list(HELLO)
            case b"TIME":
                whole, part = divmod(self.now_s(), 1)
                reply = [b"%d" % whole, b"%d" % (part * 1e6)]
            case b"MGET":
                reply = [self._get(key) for key in words]
            case b"SET":
                key, value, option, until_ms = words
                assert option == b"PXAT", option
                self._values[key] = value, int(until_ms)
            case b"SUBSCRIBE":
                self.subscribed += 1
                self._listeners[writer] = words[0]
                for place, channel in enumerate(words[:-1], 1):
                    self._send(writer, [b"subscribe", channel, place])
                reply = [b"subscribe", words[-1], len(words)]
            case b"PING":
                reply = [b"pong", b""] if writer in self._listeners else b"PONG"
        return reply

    def _get(self, key: bytes) -> bytes | None:
        value, until_ms = self._values.get(key, (None, 0))
        return value if self.now_s() * 1000 < until_ms else None


def _packed(reply: Reply) -> bytes:
    match reply:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
    return b"*%d\r\n%b" % (len(reply), b"".join(map(_packed, reply)))


@asynccontextmanager
async def fake_redis() -> AsyncIterator[FakeRedis]:
    fake = FakeRedis()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    try:
        yield fake
    finally:
        server.close()
