import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

import pytest

from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualLoop, VirtualTimeError
from loadtest.sim.wire.network import Host, Network, Port, dialling
from loadtest.sim.wire.transport import READ_BYTES_MAX, WINDOW_BYTES
from loadtest.sim.wire.trouble import WELL, LinkTrouble
from loadtest.sim.wire.write_buffer import HIGH_WATER_BYTES

T = TypeVar("T")

WAY_S = 0.25


class Seen(asyncio.Protocol):
    """A protocol that notes what it is called with, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[float, object]] = []
        self.transport: asyncio.Transport

    def _note(self, what: object) -> None:
        self.told.append((asyncio.get_running_loop().time(), what))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self._note(data)

    def eof_received(self) -> bool:
        self._note("eof")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._note(type(error).__name__ if error else "lost")

    def pause_writing(self) -> None:
        self._note("paused")

    def resume_writing(self) -> None:
        self._note("resumed")

    @property
    def heard(self) -> bytes:
        return b"".join(what for _, what in self.told if isinstance(what, bytes))

    def times_of(self, what: object) -> list[float]:
        return [at_s for at_s, said in self.told if said == what]


class Line:
    """A client and a server that are connected."""

    def __init__(self, port: Port, client: Seen, server: Seen) -> None:
        self.port, self.client, self.server = port, client, server


def connected(case: Callable[[Line], Awaitable[T]], way_s: float = WAY_S) -> T:
    """What the case gives, over a connection that was asked for at 0 s by the host `pod-1`."""

    async def main() -> T:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        running.network = network = Network(running)
        servers: list[Seen] = []

        def serve() -> Seen:
            servers.append(Seen())
            return servers[-1]

        port = network.listen("redis", 6379, serve)
        dialling.set(Host("pod-1", lambda: way_s))
        _, client = await running.create_connection(Seen, "redis", 6379)
        assert isinstance(client, Seen)
        return await case(Line(port, client, servers[0]))

    return loop.run(main())


def test_a_connection_takes_a_round_trip_and_bytes_one_way() -> None:
    async def case(line: Line) -> None:
        assert line.server.told == [(WAY_S, "made")]
        line.client.transport.write(b"one")
        await asyncio.sleep(0.1)
        line.server.transport.write(b"two")
        await asyncio.sleep(1)
        assert line.client.told == [(2 * WAY_S, "made"), (2 * WAY_S + 0.1 + WAY_S, b"two")]
        assert line.server.told == [(WAY_S, "made"), (3 * WAY_S, b"one")]

    connected(case)


def test_bytes_arrive_in_order_whatever_each_message_takes() -> None:
    async def main() -> bytes:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        running.network = network = Network(running)
        server = Seen()
        network.listen("redis", 6379, lambda: server)
        dialling.set(Host("pod-1", Random(7).random))
        transport, _ = await running.create_connection(Seen, "redis", 6379)
        for number in range(100):
            transport.write(bytes([number]))
        await asyncio.sleep(2)
        return server.heard

    for seed in (None, 1, 2):
        assert loop.run(main(), shuffle_seed=seed) == bytes(range(100))


def test_nothing_listens_there_so_the_connection_is_refused_after_a_round_trip() -> None:
    async def case(line: Line) -> None:
        line.port.close()
        for host in ("redis", "elsewhere"):
            began_s = asyncio.get_running_loop().time()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(host, 6379)
            assert asyncio.get_running_loop().time() - began_s == 2 * WAY_S

    connected(case)


def test_without_a_network_and_for_tls_or_sockets_connections_are_refused_with_a_reason() -> None:
    async def main() -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        with pytest.raises(VirtualTimeError, match="no place in virtual time"):
            await asyncio.open_connection("redis", 6379)
        running.network = Network(running)
        with pytest.raises(VirtualTimeError, match="no TLS"):
            await asyncio.open_connection("redis", 6379, ssl=True)
        with pytest.raises(VirtualTimeError, match="no place in virtual time"):
            await asyncio.open_unix_connection("/tmp/socket")

    loop.run(main())


def test_an_end_that_closes_is_seen_as_an_end_and_lost_once_at_both() -> None:
    async def case(line: Line) -> None:
        line.client.transport.write(b"last")
        line.client.transport.close()
        line.client.transport.close()
        line.client.transport.write(b"too late")
        assert line.client.transport.is_closing()
        await asyncio.sleep(1)
        assert [what for _, what in line.client.told] == ["made", "lost"]
        assert [what for _, what in line.server.told] == ["made", b"last", "eof", "lost"]

    connected(case)


def test_half_a_connection_that_is_ended_still_carries_the_other_half() -> None:
    async def main() -> bytes:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        running.network = network = Network(running)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.read()).upper())
            writer.close()

        def make() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve)

        network.listen("redis", 6379, make)
        reader, writer = await asyncio.open_connection("redis", 6379)
        writer.write(b"all of it")
        writer.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            writer.write(b"more")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    assert loop.run(main()) == b"ALL OF IT"


def test_a_reset_arrives_as_one_and_behind_what_was_sent() -> None:
    async def case(line: Line) -> None:
        line.server.transport.write(b"said")
        line.port.reset_all()
        await asyncio.sleep(1)
        assert [what for _, what in line.client.told] == ["made", b"said", "ConnectionResetError"]
        assert [what for _, what in line.server.told] == ["made", "lost"]
        assert line.port.connections() == []

    connected(case)


def test_a_reader_that_does_not_read_pauses_its_writer_and_then_gets_every_byte() -> None:
    async def case(line: Line) -> None:
        sent = bytes(range(256)) * ((WINDOW_BYTES + 2 * HIGH_WATER_BYTES) // 256)
        line.server.transport.pause_reading()
        line.client.transport.write(sent)
        assert [what for _, what in line.client.told] == ["made", "paused"]
        assert line.client.transport.get_write_buffer_size() == 2 * HIGH_WATER_BYTES
        await asyncio.sleep(5)
        assert line.server.heard == b""
        line.server.transport.resume_reading()
        await asyncio.sleep(5)
        assert line.server.heard == sent
        assert max(len(what) for _, what in line.server.told if isinstance(what, bytes)) == READ_BYTES_MAX
        assert [what for _, what in line.client.told] == ["made", "paused", "resumed"]
        assert line.client.transport.get_write_buffer_size() == 0

    connected(case)


def test_a_close_sends_what_waits_and_an_abort_drops_it() -> None:
    for end, arrives in (("close", True), ("abort", False)):

        async def case(line: Line, end: str = end) -> int:
            sent = bytes(2 * WINDOW_BYTES)
            line.server.transport.pause_reading()
            line.client.transport.write(sent)
            getattr(line.client.transport, end)()
            await asyncio.sleep(1)
            line.server.transport.resume_reading()
            await asyncio.sleep(10)
            return len(line.server.heard)

        assert (connected(case) == 2 * WINDOW_BYTES) is arrives


def test_replies_arrive_in_pieces_and_commands_as_a_whole() -> None:
    async def case(line: Line) -> None:
        line.port.set_trouble(LinkTrouble(slice_bytes=2, slice_apart_s=0.5))
        line.client.transport.write(b"abcde")
        line.server.transport.write(b"abcde")
        await asyncio.sleep(5)
        assert line.server.told[1:] == [(3 * WAY_S, b"abcde")]
        assert line.client.told[1:] == [(3 * WAY_S, b"ab"), (3 * WAY_S + 0.5, b"cd"), (3 * WAY_S + 1.0, b"e")]

    connected(case)


def test_what_follows_a_sliced_reply_comes_behind_its_last_piece_and_many_pieces_need_one_timer() -> None:
    async def case(line: Line) -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        line.port.set_trouble(LinkTrouble(slice_bytes=1, slice_apart_s=0.001))
        line.server.transport.write(bytes(10_000))
        line.port.set_trouble(WELL)
        line.server.transport.write(b"next")
        assert len(running._timers) < 10
        await asyncio.sleep(11)
        assert line.client.heard == bytes(10_000) + b"next"
        assert line.client.told[-1][0] == pytest.approx(3 * WAY_S + 9.999)

    connected(case)


@pytest.mark.parametrize("arrives", [False, True])
def test_a_half_open_connection_says_nothing_and_is_reset_once_the_link_is_back(arrives: bool) -> None:
    async def case(line: Line) -> None:
        line.port.set_trouble(LinkTrouble(is_silent=True, arrives=arrives), "pod-1")
        line.client.transport.write(b"asked")
        await asyncio.sleep(1)
        line.server.transport.write(b"answered")
        await asyncio.sleep(1)
        assert line.client.told[1:] == []
        assert line.server.heard == (b"asked" if arrives else b"")
        line.port.set_trouble(WELL, "pod-1")
        await asyncio.sleep(1)
        assert [what for _, what in line.client.told[1:]] == ["ConnectionResetError"]

    connected(case)


def test_a_host_that_dials_into_a_black_hole_gets_through_when_it_ends_and_times_out_otherwise() -> None:
    async def case(line: Line) -> None:
        line.port.set_trouble(LinkTrouble(is_silent=True))
        dialled = asyncio.create_task(asyncio.open_connection("redis", 6379))
        await asyncio.sleep(100)
        assert not dialled.done()
        line.port.set_trouble(WELL)
        await asyncio.sleep(1)
        _, writer = dialled.result()
        writer.close()
        line.port.set_trouble(LinkTrouble(is_silent=True))
        with pytest.raises(TimeoutError):
            await asyncio.open_connection("redis", 6379)

    connected(case)


def test_a_fault_of_one_hosts_link_leaves_the_others_alone() -> None:
    async def case(line: Line) -> None:
        dialling.set(Host("pod-2", lambda: WAY_S))
        transport, other = await asyncio.get_running_loop().create_connection(Seen, "redis", 6379)
        assert isinstance(other, Seen)
        line.port.set_trouble(LinkTrouble(extra_s=1.0), "pod-1")
        for writer in (line.client.transport, transport):
            writer.write(b"x")
        began_s = asyncio.get_running_loop().time()
        await asyncio.sleep(3)
        arrived_s = [end.get_protocol().told[-1][0] - began_s for end in line.port.connections()]  # type: ignore[attr-defined]
        assert arrived_s == pytest.approx([WAY_S + 1.0, WAY_S])

    connected(case)


def test_a_client_that_stands_still_neither_reads_nor_sends_until_it_goes_on() -> None:
    async def case(line: Line) -> None:
        line.port.set_trouble(LinkTrouble(client_reads=False, client_sends=False), "pod-1")
        line.client.transport.write(b"asked")
        line.server.transport.write(b"told")
        await asyncio.sleep(2)
        assert line.client.heard == b"" == line.server.heard
        line.port.set_trouble(WELL, "pod-1")
        await asyncio.sleep(1)
        assert (line.client.heard, line.server.heard) == (b"told", b"asked")

    connected(case)


def test_a_caller_that_gives_up_connecting_leaves_no_connection() -> None:
    async def case(line: Line) -> None:
        for patience_s in (WAY_S / 2, 1.5 * WAY_S):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await asyncio.open_connection("redis", 6379)
        await asyncio.sleep(2)
        assert len(line.port.connections()) == 1

    connected(case)
