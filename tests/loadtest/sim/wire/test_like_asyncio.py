"""A simulated connection tells its two protocols the same, in the same order, as one of asyncio's own on loopback."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from loadtest.sim.kernel.loop import VirtualLoop, run_on
from loadtest.sim.wire.network import Network

Told = list[str]
SOON_S = 0.02


class Ear(asyncio.Protocol):
    """A protocol that notes what it is called with; bytes that follow each other are one."""

    def __init__(self, keeps_open: bool = False) -> None:
        self.told: Told = []
        self.transport: asyncio.Transport
        self._keeps_open = keeps_open

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        if not self.told[-1].startswith("bytes"):
            self.told.append("bytes 0")
        self.told[-1] = f"bytes {int(self.told[-1].split()[1]) + len(data)}"
        if data.startswith(b"boom"):
            raise LookupError("a protocol's own error")

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self._keeps_open

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append("lost" if error is None else f"lost: {type(error).__name__}")

    def pause_writing(self) -> None:
        self.told.append("paused")

    def resume_writing(self) -> None:
        self.told.append("resumed")


Act = Callable[[Ear, Ear], Awaitable[object]]


async def close(client: Ear, server: Ear) -> None:
    client.transport.write(b"last words")
    client.transport.close()
    client.transport.write(b"too late")


async def close_twice_and_abort(client: Ear, server: Ear) -> None:
    client.transport.close()
    client.transport.close()
    client.transport.abort()


async def abort(client: Ear, server: Ear) -> None:
    client.transport.write(b"sent")
    client.transport.abort()


async def end_one_half(client: Ear, server: Ear) -> None:
    client.transport.write(b"question")
    client.transport.write_eof()
    await asyncio.sleep(SOON_S)
    server.transport.write(b"answer")
    server.transport.close()


async def both_close(client: Ear, server: Ear) -> None:
    client.transport.close()
    server.transport.close()


async def talk_to_one_that_has_gone(client: Ear, server: Ear) -> None:
    client.transport.abort()
    await asyncio.sleep(SOON_S)
    for _ in range(3):
        server.transport.write(b"who is there")
        await asyncio.sleep(SOON_S)


async def stop_reading(client: Ear, server: Ear) -> None:
    server.transport.pause_reading()
    client.transport.write(bytes(16_000_000))
    await asyncio.sleep(SOON_S)
    assert client.told == ["made", "paused"]
    assert server.told == ["made"]
    assert client.transport.get_write_buffer_size() > 0
    server.transport.resume_reading()
    await asyncio.sleep(5 * SOON_S)
    assert client.transport.get_write_buffer_size() == 0


async def close_with_much_unsent(client: Ear, server: Ear) -> None:
    server.transport.pause_reading()
    client.transport.write(bytes(16_000_000))
    client.transport.close()
    await asyncio.sleep(SOON_S)
    assert client.transport.is_closing()
    assert client.told == ["made", "paused"]
    server.transport.resume_reading()
    await asyncio.sleep(5 * SOON_S)


async def fail_in_the_protocol(client: Ear, server: Ear) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    client.transport.write(b"boom")


async def set_the_marks(client: Ear, server: Ear) -> None:
    client.transport.set_write_buffer_limits(high=10)
    assert client.transport.get_write_buffer_limits() == (2, 10)
    with pytest.raises(ValueError, match="must be >="):
        client.transport.set_write_buffer_limits(high=1, low=2)
    client.transport.set_write_buffer_limits()
    assert client.transport.get_write_buffer_limits() == (16_384, 65_536)


async def refuse_nonsense(client: Ear, server: Ear) -> None:
    with pytest.raises(TypeError):
        client.transport.write("text")  # type: ignore[arg-type]
    client.transport.write(b"")
    client.transport.writelines([b"a", bytearray(b"b"), memoryview(b"c")])
    client.transport.write_eof()
    with pytest.raises(RuntimeError):
        client.transport.write(b"more")


ACTS = [
    close, close_twice_and_abort, abort, end_one_half, both_close, talk_to_one_that_has_gone, stop_reading,
    close_with_much_unsent, fail_in_the_protocol, set_the_marks, refuse_nonsense,
]  # fmt: skip


async def play(act: Act, client: Ear, server: Ear) -> tuple[Told, Told]:
    await asyncio.sleep(SOON_S)
    await act(client, server)
    await asyncio.sleep(3 * SOON_S)
    told = [*client.told], [*server.told]
    for ear in (client, server):
        if not ear.transport.is_closing():  # an aborted one of asyncio's fails where it had closed by itself
            ear.transport.abort()
    await asyncio.sleep(SOON_S)
    return told


def simulated(act: Act, keeps_open: bool) -> tuple[Told, Told]:
    running = VirtualLoop(deadline_s=3_600.0)

    async def main() -> tuple[Told, Told]:
        running.network = network = Network(running)
        server = Ear(keeps_open)
        network.listen("127.0.0.1", 6379, lambda: server)
        _, client = await running.create_connection(Ear, "127.0.0.1", 6379)
        assert isinstance(client, Ear)
        return await play(act, client, server)

    return run_on(running, main())


def real(act: Act, keeps_open: bool) -> tuple[Told, Told]:
    async def main() -> tuple[Told, Told]:
        loop, server = asyncio.get_running_loop(), Ear(keeps_open)
        async with await loop.create_server(lambda: server, "127.0.0.1", 0) as listening:
            _, client = await loop.create_connection(Ear, *listening.sockets[0].getsockname())
            return await play(act, client, server)

    return asyncio.run(main())


@pytest.mark.parametrize("keeps_open", [False, True])
@pytest.mark.parametrize("act", ACTS)
def test_both_ends_are_told_the_same_as_on_loopback(act: Act, keeps_open: bool) -> None:
    assert simulated(act, keeps_open) == real(act, keeps_open)
