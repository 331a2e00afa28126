"""The generator, a process of its own: `python -m benchmarks.hitpath.generator ORDER SAMPLE`, two JSON files.

It is a closed loop: each connection asks again as soon as it has its answer. So the server is never idle, and as many
requests are under way as there are connections. A closed loop cannot measure latency under load; its p50 only describes
the run. The generator parses an answer just to where it ends, and compares every one with what it must be. It stops by
itself. A server that may fail is asked again, on a new connection, and its errors are counted.
"""

import asyncio
import itertools
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import psutil
import uvloop

HOST = "127.0.0.1"
CONNECT_S_MAX = 5.0


class UnexpectedAnswer(Exception):
    """An answer that is not the expected one, or a connection that ended; the text says which."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order: the requests to send, and for how long."""

    port: int
    server_pid: int  # whose CPU time counts
    paths: Sequence[str]  # asked for in turn
    bodies: Sequence[str]  # what each of them must answer
    head_must_hold: str  # in every answer's head; lower case, as the servers write it
    connections: int
    warm_s: float  # not counted
    window_s: float  # counted
    may_fail: bool = False  # a 500 is counted, where any other answer than the right one ends the run

    @property
    def seconds_max(self) -> float:
        """The longest time that the generator takes, without the start of its process."""
        return CONNECT_S_MAX + self.warm_s + self.window_s


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample: the counts and times of the window."""

    requests: int
    seconds: float
    server_cpu_s: float  # user and system
    p50_ms: float
    errors: int = 0  # beside the requests


class HitpathLoad:
    """The state that all connections share."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._transports: set[asyncio.Transport] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self.requests = [f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode() for path in order.paths]
        self.bodies = [body.encode() for body in order.bodies]
        self.head_must_hold = order.head_must_hold.encode()
        self.next_item = itertools.cycle(range(len(order.paths))).__next__
        self.latencies_s: list[float] = []
        self.errors = 0
        self.may_fail = order.may_fail
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, reason: str) -> None:
        if not self.failed.done():
            self.failed.set_exception(UnexpectedAnswer(reason))

    async def open(self) -> None:
        """Open one connection, which asks at once. Raises OSError."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: AskingConnection(self), HOST, self._order.port)
        self._transports.add(transport)

    def replace(self, transport: asyncio.Transport) -> None:
        """Open another connection in the place of one that the server closed behind its error."""
        self._transports.discard(transport)
        if not self.failed.done():
            opening = asyncio.get_running_loop().create_task(self.open())
            self._opening.add(opening)
            opening.add_done_callback(self._opened)

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._opening.discard(opening)
        if not opening.cancelled() and (error := opening.exception()) is not None:
            self.fail(f"no connection in the place of a closed one: {error}")

    def close(self) -> None:
        """Close every connection; from here on one that ends is no failure."""
        self.failed.cancel()
        for opening in self._opening:
            opening.cancel()
        for transport in self._transports:
            transport.close()

    def begin(self) -> None:
        """Begin to count."""
        self.latencies_s.clear()
        self.errors = 0

    async def run(self, seconds: float) -> None:
        """Lets the connections ask for so long. Raises `UnexpectedAnswer` as soon as there is one."""
        done, _ = await asyncio.wait({self.failed}, timeout=seconds)
        if done:
            self.failed.result()


class AskingConnection(asyncio.Protocol):
    """One client: one request at a time, until it is closed."""

    _transport: asyncio.Transport
    _item: int
    _asked_s: float

    def __init__(self, load: HitpathLoad) -> None:
        self._load = load
        self._received = b""
        self._has_failed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._has_failed:
            self._load.replace(self._transport)
        else:
            self._load.fail(f"a connection ended: {exc or 'closed by the server'}")

    def _ask(self) -> None:
        self._item = self._load.next_item()
        self._asked_s = time.perf_counter()
        self._transport.write(self._load.requests[self._item])

    def data_received(self, data: bytes) -> None:
        self._received = data = self._received + data
        head, separator, body = data.partition(b"\r\n\r\n")
        if not separator:
            return
        length_text = head.partition(b"content-length: ")[2].partition(b"\r")[0]
        if not length_text.isdigit():
            self._load.fail(f"an answer without a length: {head!r}")
            return
        if len(body) < int(length_text):
            return
        if self._load.may_fail and head.startswith(b"HTTP/1.1 500 "):
            self._load.errors += 1
            self._has_failed = True
            self._transport.close()
            return
        self._load.latencies_s.append(time.perf_counter() - self._asked_s)
        if (
            not head.startswith(b"HTTP/1.1 200 ")
            or body != self._load.bodies[self._item]
            or self._load.head_must_hold not in head
        ):
            self._load.fail(f"to {self._load.requests[self._item]!r}: {data[:600]!r}")
            return
        self._received = b""
        self._ask()


async def drive(order: Order) -> Sample:
    """The sample of an order. Raises `UnexpectedAnswer`, and OSError or TimeoutError where it cannot connect."""
    load = HitpathLoad(order)
    server = psutil.Process(order.server_pid)
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            for _ in range(order.connections):
                await load.open()
        await load.run(order.warm_s)
        load.begin()
        began_s, cpu_began_s = time.perf_counter(), _cpu_s(server)
        await load.run(order.window_s)
        ended_s, cpu_ended_s = time.perf_counter(), _cpu_s(server)
    finally:
        load.close()
    if not load.latencies_s:
        raise UnexpectedAnswer(f"no answer within {order.window_s:g} s")
    p50_ms = statistics.median(load.latencies_s) * 1000
    return Sample(len(load.latencies_s), ended_s - began_s, cpu_ended_s - cpu_began_s, p50_ms, load.errors)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    order_path, sample_path = map(Path, sys.argv[1:])
    order = Order(**json.loads(order_path.read_text()))
    try:
        sample = uvloop.run(drive(order))
    except (UnexpectedAnswer, OSError, TimeoutError, psutil.Error) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sample_path.write_text(json.dumps(asdict(sample)))


if __name__ == "__main__":
    main()
