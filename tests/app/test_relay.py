"""What the relay does to the connections that go through it, with real sockets on loopback."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.relay import flow
from app.relay.control import Control
from app.relay.troubles import CutOff, Delay, Resets, Silence, Slices, Trouble
from app.relay.way import Way

WITHIN_S = 5.0
LONG_S = 60.0


class Echo:
    """A server that says every line again, and counts them."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(line)
        except OSError:
            pass
        finally:
            writer.close()


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, text: str) -> None:
        self.writer.write(f"{text}\n".encode())

    async def hear(self, within_s: float = WITHIN_S) -> str:
        """The next line. Raises TimeoutError, and ConnectionError also where the connection has just ended."""
        async with asyncio.timeout(within_s):
            line = await self.reader.readline()
        if not line:
            raise ConnectionResetError
        return line.decode().rstrip()

    async def ask(self, text: str) -> str:
        self.say(text)
        return await self.hear()


class Written:
    """The end of a flow, for itself. Implements `End`."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def hold(self, is_held: bool) -> None: ...


class Relayed:
    def __init__(self, way: Way, echo: Echo, port: int) -> None:
        self.way, self.echo, self.port = way, echo, port
        self._callers: list[Caller] = []

    async def call(self) -> Caller:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", self.port))
        self._callers.append(caller)
        return caller

    def close(self) -> None:
        for caller in self._callers:
            caller.writer.close()


async def until(is_so: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < give_up_s
        await asyncio.sleep(0.01)


def bound() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@asynccontextmanager
async def relayed() -> AsyncIterator[Relayed]:
    echo, listener = Echo(), bound()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    way = Way("127.0.0.1", server.sockets[0].getsockname()[1])
    relay = await way.listen(listener)
    through = Relayed(way, echo, listener.getsockname()[1])
    try:
        yield through
    finally:
        through.close()
        way.close()
        relay.close()
        server.close()
        await asyncio.sleep(0)


def run(drill: Callable[[Relayed], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        async with relayed() as through:
            return await drill(through)

    return asyncio.run(inside())


def test_without_trouble_everything_passes_both_ways_and_a_close_does_too() -> None:
    async def drill(through: Relayed) -> None:
        first, second = await through.call(), await through.call()
        big = "x" * 50_000
        assert [await first.ask("a"), await second.ask("b"), await first.ask(big)] == ["a", "b", big]
        first.writer.close()
        await until(lambda: len(through.way.channels) == 1)
        assert await second.ask("c") == "c"

    run(drill)


def test_a_delay_is_paid_by_every_command_and_keeps_the_order() -> None:
    async def drill(through: Relayed) -> None:
        caller = await through.call()
        await caller.ask("warm")
        through.way.begin(Delay(ms=200), LONG_S)
        began_s = time.monotonic()
        for number in range(20):
            caller.say(str(number))
            await asyncio.sleep(0.002)
        assert [await caller.hear() for _ in range(20)] == [str(number) for number in range(20)]
        assert 0.2 <= time.monotonic() - began_s < 20 * 0.2  # each, and not one after the other
        through.way.end("delay")
        began_s = time.monotonic()
        for _ in range(20):
            await caller.ask("again")
        assert time.monotonic() - began_s < 20 * 0.2  # none of them pays it any more

    run(drill)


@pytest.mark.parametrize("arrive", [False, True])
def test_a_black_hole_says_nothing_and_a_connection_that_lost_bytes_does_not_outlive_it(arrive: bool) -> None:
    async def drill(through: Relayed) -> None:
        caller, idle = await through.call(), await through.call()
        await caller.ask("before")
        await idle.ask("before")
        through.way.begin(Silence(arrive=arrive), LONG_S)
        caller.say("lost")
        late = await through.call()  # which is accepted, and then as silent
        late.say("lost")
        for one in (caller, late):
            with pytest.raises(TimeoutError):
                await one.hear(0.2)
        assert (b"lost\n" in through.echo.heard) == arrive
        through.way.end("silence")
        for one in (caller, late):
            with pytest.raises(ConnectionError):
                await one.hear()
        assert await idle.ask("after") == "after"

    run(drill)


def test_a_share_of_the_chunks_is_reset_and_half_of_these_were_heard() -> None:
    async def drill(through: Relayed) -> None:
        through.way.begin(Resets(share=0.5), LONG_S)
        reset = 0
        for number in range(80):
            caller = await through.call()
            try:
                assert await caller.ask(str(number)) == str(number)
            except ConnectionError:
                reset += 1
        assert 20 < reset < 60
        lost_replies = len(through.echo.heard) - (80 - reset)
        assert 0 < lost_replies < reset

    run(drill)


def test_what_is_sliced_is_written_in_pieces_of_that_size_and_in_order() -> None:
    async def drill(through: Relayed) -> None:
        written = Written()
        sliced = flow.Flow(written, written)
        sliced.pass_on_in_pieces(b"abcdefgh", 3, 0.001, 0.0)
        sliced.pass_on_in_pieces(b"ijkl", 3, 0.001, 0.0)
        await until(lambda: len(written.pieces) == 5)
        assert written.pieces == [b"abc", b"def", b"gh", b"ijk", b"l"]

    run(drill)


def test_replies_come_in_pieces_and_whole() -> None:
    async def drill(through: Relayed) -> None:
        caller = await through.call()
        await caller.ask("warm")
        through.way.begin(Slices(bytes=7, ms=2), LONG_S)
        text = "".join(map(str, range(100)))
        caller.say(text)
        began_s = time.monotonic()
        assert await caller.hear() == text
        assert time.monotonic() - began_s >= len(text) // 7 * 0.002  # the pieces are apart

    run(drill)


def test_a_cut_off_resets_what_is_open_and_what_comes_until_it_ends() -> None:
    async def drill(through: Relayed) -> None:
        caller = await through.call()
        await caller.ask("before")
        through.way.begin(CutOff(), LONG_S)
        for one in (caller, await through.call()):
            with pytest.raises(ConnectionError):
                await one.ask("during")
        through.way.end("cut-off")
        again = await through.call()
        assert await again.ask("after") == "after"

    run(drill)


def test_troubles_of_several_kinds_are_on_together_and_each_ends_by_itself() -> None:
    async def drill(through: Relayed) -> None:
        way = through.way
        way.begin(Delay(ms=1), 0.05)
        way.begin(Slices(), LONG_S)
        way.begin(Delay(ms=2), 0.1)
        await asyncio.sleep(0.07)
        assert {*way.troubles.on} == {"delay", "slices"}  # the newer one counts, and for its own time
        await until(lambda: "delay" not in way.troubles.on)
        assert {*way.troubles.on} == {"slices"}

    run(drill)


def test_a_sender_waits_when_too_much_is_held_back_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "HELD_BYTES_MAX", 10_000)

    async def drill(through: Relayed) -> None:
        caller = await through.call()
        await caller.ask("warm")
        through.way.begin(Delay(ms=300), LONG_S)
        sent = b"".join(b"%07d\n" % number for number in range(20_000))
        caller.writer.write(sent)
        (channel,) = through.way.channels
        most = 0
        heard = b""
        while len(heard) < len(sent):
            async with asyncio.timeout(WITHIN_S):
                heard += await caller.reader.read(1 << 20)
            most = max(most, channel._to_server._held_bytes)
            if b"0000100" in heard:
                through.way.end("delay")
        assert heard == sent
        assert most < len(sent) / 2

    run(drill)


def test_an_upstream_that_is_not_there_is_a_reset() -> None:
    async def drill() -> None:
        gone = bound()
        way, listener = Way("127.0.0.1", gone.getsockname()[1]), bound()
        gone.close()
        relay = await way.listen(listener)
        caller = Caller(*await asyncio.open_connection("127.0.0.1", listener.getsockname()[1]))
        with pytest.raises(ConnectionError):
            await caller.ask("x")
        caller.writer.close()
        way.close()
        relay.close()

    asyncio.run(drill())


EVERY: list[Trouble] = [Delay(ms=1), Silence(), Resets(), Slices(), CutOff()]


def test_the_control_begins_ends_and_tells_of_every_kind() -> None:
    async def drill(through: Relayed) -> None:
        control, listener = Control([through.way]), bound()
        server = await control.listen(listener)
        caller = Caller(*await asyncio.open_connection("127.0.0.1", listener.getsockname()[1]))
        for trouble in EVERY:
            begun = json.loads(await caller.ask(json.dumps({"begin": trouble.model_dump(), "for_s": 9})))
            assert {*begun["ways"][0]["troubles"]} == {trouble.kind}
            assert 8 < begun["ways"][0]["troubles"][trouble.kind] <= 9
            ended = json.loads(await caller.ask(json.dumps({"end": trouble.kind, "way": 0})))
            assert ended["ways"][0]["troubles"] == {}
        caller.writer.close()
        server.close()

    run(drill)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"begin": {"kind": "flood"}}', "begin: Input tag 'flood'"),
        ('{"begin": {"kind": "delay", "ms": 0}}', "begin.delay.ms: Input should be greater than 0"),
        ('{"begin": {"kind": "delay", "ms": 1}, "for_s": 1e9}', "for_s: Input should be less than or equal to 3600"),
        ('{"end": "flood"}', "end: Input should be 'delay'"),
        ('{"end": "delay", "way": 7}', "way: must be less than 1"),
        ("GET / HTTP/1.1", "Invalid JSON"),
    ],
)
def test_a_line_that_makes_no_sense_is_answered_with_what_is_wrong(line: str, said: str) -> None:
    error = Control([Way("127.0.0.1", 1)]).obey(line.encode())["error"]
    assert said in error
