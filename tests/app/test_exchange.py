"""What goes over the wire for a request, write by write: of an item's own short way, and of the framework's."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from app.connections import BODY_BYTES_MAX, Connections
from app.endpoint import ItemEndpoint
from app.http_protocol import BoundedProtocol
from app.settings import Settings
from app.strategy import Status
from app.strategy_runner import Answer, StrategyRunner

BODY = b'{"id":7}'


class Runner:
    """A runner that answers at once, or when it is let go."""

    rate_limit = None

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fault: BaseException | None = None

    async def answer(self, item_id: int) -> Answer:
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        match item_id:
            case 8:
                return Answer(404, Status.MISS, b"{}", 0.0, 1.0)
            case 9:
                return Answer(503, Status.SHED, b"{}")
        return Answer(200, Status.HIT, BODY, 0.25, 4.5)


class Wire(asyncio.Transport):
    """A transport that keeps what is written, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        assert not self.is_closed, "written behind the end"
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class OneConnection:
    """A client's connection to a pod of which only the runners are no real ones."""

    def __init__(self, strategies: int = 1, without_items: bool = False) -> None:
        self.runner, app = Runner(), FastAPI()
        self.shared = Connections(Settings(pod="pod"), lambda: None)
        for number in range(strategies):
            endpoint = ItemEndpoint(cast(StrategyRunner, self.runner), "pod", 64)
            path = f"/s{number}/data"
            app.router.routes.append(Route(path, endpoint, methods=["GET"]))
            if not without_items:
                self.shared.items[path.encode()] = endpoint.respond
        add_routes(app)
        config = uvicorn.Config(app, ws="none", log_level="critical", access_log=False)
        self.state, self.wire = ServerState(), Wire()
        self.protocol = BoundedProtocol(self.shared, config=config, server_state=self.state, app_state={})
        self.protocol.connection_made(self.wire)

    async def send(self, *requests: str) -> list[bytes]:
        """What is written in answer, after these have come in one piece."""
        self.protocol.data_received("".join(requests).encode())
        await self.rest()
        return self.wire.writes

    async def rest(self) -> None:
        """Wait until no request is being answered."""
        async with asyncio.timeout(20):
            while self.state.tasks:
                done, _ = await asyncio.wait(self.state.tasks)
                for task in done:
                    task.result()
                await asyncio.sleep(0)


def add_routes(app: FastAPI) -> None:
    """Routes of the framework whose answers differ in how they are written."""

    @app.api_route("/plain", methods=["GET", "HEAD"])
    async def plain() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/204", status_code=204)
    async def nothing() -> None: ...

    @app.get("/304")
    async def same() -> Response:
        return Response(status_code=304)

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @app.get("/stream")
    async def stream(late: bool = False) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for part in (b"one", b"two"):
                if late:
                    await asyncio.sleep(0.01)
                yield part

        return StreamingResponse(parts())


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> str:
    return "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/{version}", "host: pod", *headers, ""))


def on_a_loop(claim: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """A test whose body runs on an event loop."""

    def test() -> None:
        asyncio.run(claim())  # type: ignore[arg-type]

    test.__doc__ = claim.__doc__
    return test


REQUESTS = {
    "an item": get("/s0/data?id=7"),
    "an item's head": get("/s0/data?id=7", method="HEAD"),
    "an absent item": get("/s0/data?id=8"),
    "a shed request": get("/s0/data?id=9"),
    "a bad id": get("/s0/data?id=x"),
    "no query": get("/s0/data"),
    "an empty query": get("/s0/data?"),
    "a fragment": get("/s0/data?id=7#there"),
    "an escaped path": get("/%730/data?id=7"),
    "an escaped id": get("/s0/data?%69d=%37"),
    "a trailing slash": get("/s0/data/?id=7"),
    "an absolute form": get("http://pod/s0/data?id=7"),
    "another method": get("/s0/data?id=7", method="DELETE"),
    "the last of a connection": get("/s0/data?id=7", "connection: close"),
    "an old client": get("/s0/data?id=7", version="1.0"),
    "an old client that wants to stay": get("/s0/data?id=7", "connection: keep-alive", version="1.0"),
    "an item with a body": get("/s0/data?id=7", "content-length: 3") + "abc",
    "an upgrade": get("/s0/data?id=7", "connection: upgrade", "upgrade: websocket"),
    "a plain route": get("/plain"),
    "a route's head": get("/plain", method="HEAD"),
    "no route": get("/nowhere"),
    "nothing to say": get("/204"),
    "nothing new": get("/304"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_an_answer_is_one_write_and_the_same_as_by_way_of_the_framework(request_: str) -> None:
    async def claim() -> None:
        short, long = OneConnection(), OneConnection(without_items=True)
        (answer,) = await short.send(request_)
        assert parts_of(answer) == parts_of(b"".join(await long.send(request_)))
        assert short.wire.is_closed == long.wire.is_closed
        assert short.protocol.cycle.response_complete
        assert short.state.total_requests == long.state.total_requests == 1

    asyncio.run(claim())


def parts_of(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Status line, headers in any order, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    return status, sorted(headers), body


@on_a_loop
async def test_an_item_is_answered_with_these_bytes() -> None:
    (answer,) = await OneConnection().send(get("/s0/data?id=7"))
    assert answer == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-served-by: pod\r\n"
        b"cache-status: stampede-lab; hit; detail=hit; ttl=4; age=0.250\r\ncontent-length: 8\r\n\r\n" + BODY
    )


@on_a_loop
async def test_pipelined_requests_are_answered_in_their_order_each_in_one_write() -> None:
    paths = ["/s0/data?id=7", "/plain", "/s0/data?id=8", "/204", "/s0/data?id=x", "/stream"]
    connection = OneConnection()
    asked = [*map(get, paths), get("/plain", method="HEAD"), get("/s0/data?id=7", method="HEAD"), get("/s0/data?id=9")]
    writes = await connection.send(*asked)
    codes = [int(code) for write in writes if (code := write[9:12]) and write.startswith(b"HTTP/1.1")]
    assert codes == [200, 200, 404, 204, 422, 200, 200, 200, 503]
    assert [write for write in writes if not write.startswith(b"HTTP/1.1")] == [b"3\r\ntwo\r\n", b"0\r\n\r\n"]
    assert connection.state.total_requests == len(asked)


@on_a_loop
async def test_a_client_that_pipelines_is_read_again_once_all_its_requests_are_begun() -> None:
    connection, queued = OneConnection(), list[int]()
    connection.wire.resume_reading = lambda: queued.append(len(connection.protocol.pipeline))  # type: ignore[method-assign]
    assert len(await connection.send(*[get("/s0/data?id=7"), get("/plain")] * 20)) == 40
    assert queued == [0]


@on_a_loop
async def test_requests_behind_one_that_asks_for_an_upgrade_are_answered() -> None:
    for path in ("/s0/data?id=7", "/plain"):
        asks = get(path, "connection: upgrade", "upgrade: h2c")
        writes = await OneConnection().send(asks, asks, get("/s0/data?id=8"))
        assert [write[9:12] for write in writes] == [b"200", b"200", b"404"]


@on_a_loop
async def test_the_head_of_a_stream_does_not_wait_for_a_body_that_is_late() -> None:
    quick, late = await OneConnection().send(get("/stream")), await OneConnection().send(get("/stream?late=true"))
    assert [write.rpartition(b"\r\n\r\n")[2] for write in quick] == [b"3\r\none\r\n", b"3\r\ntwo\r\n", b""]
    assert late[0].startswith(b"HTTP/1.1 200")
    assert late[0].endswith(b"\r\n\r\n")
    assert b"".join(late) == b"".join(quick)


@on_a_loop
async def test_a_client_that_waits_to_be_told_to_go_on_is_told_at_once() -> None:
    connection = OneConnection()
    connection.protocol.data_received(get("/body", "content-length: 3", "expect: 100-continue", method="POST").encode())
    for _ in range(20):
        await asyncio.sleep(0)
    assert connection.wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    said = b"".join(await connection.send("abc"))
    assert re.search(rb"Continue\r\n\r\nHTTP/1.1 200 OK\r\n.*\r\n\r\n3$", said, re.DOTALL)


@on_a_loop
async def test_a_client_that_has_gone_gets_no_answer_and_leaves_nothing() -> None:
    connection = OneConnection()
    connection.runner.may_answer.clear()
    connection.protocol.data_received(get("/s0/data?id=7").encode())
    await asyncio.sleep(0)
    connection.wire.close()
    connection.protocol.connection_lost(None)
    connection.runner.may_answer.set()
    await connection.rest()
    assert connection.wire.writes == []
    assert connection.shared.open == 0


@on_a_loop
async def test_a_request_that_was_refused_for_its_body_gets_no_second_answer() -> None:
    connection = OneConnection()
    connection.runner.may_answer.clear()
    request = get("/s0/data?id=7", f"content-length: {3 * BODY_BYTES_MAX}") + "x" * 2 * BODY_BYTES_MAX
    connection.protocol.data_received(request[:100].encode())
    await asyncio.sleep(0)
    connection.protocol.data_received(request[100:].encode())
    connection.runner.may_answer.set()
    await connection.rest()
    (answer,) = connection.wire.writes
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert connection.wire.is_closed


@on_a_loop
async def test_nothing_is_written_to_a_connection_that_is_being_closed() -> None:
    connection = OneConnection()
    connection.runner.may_answer.clear()
    connection.protocol.data_received(get("/s0/data?id=7").encode())
    connection.protocol.data_received(b"no request\r\n\r\n")
    assert connection.wire.is_closed
    connection.runner.may_answer.set()
    await connection.rest()
    assert connection.wire.writes == []


@on_a_loop
async def test_a_client_that_reads_slowly_gets_its_answer_once_it_reads() -> None:
    connection = OneConnection()
    connection.protocol.pause_writing()
    connection.protocol.data_received(get("/s0/data?id=7").encode())
    for _ in range(5):
        await asyncio.sleep(0)
    assert connection.wire.writes == []
    connection.protocol.resume_writing()
    await connection.rest()
    assert len(connection.wire.writes) == 1


@on_a_loop
async def test_while_the_pod_ends_each_answer_is_the_last_of_its_connection() -> None:
    for path in ("/s0/data?id=7", "/plain"):
        connection = OneConnection()
        connection.shared.is_draining = True
        (answer,) = await connection.send(get(path))
        assert b"\r\nconnection: close\r\n" in answer
        assert connection.wire.is_closed


@on_a_loop
async def test_the_cancellation_of_what_a_strategy_awaited_is_a_500_and_not_silence() -> None:
    connection = OneConnection()
    connection.runner.fault = asyncio.CancelledError()
    (answer,) = await connection.send(get("/s0/data?id=7"))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert connection.wire.is_closed


@on_a_loop
async def test_a_fault_of_the_lab_itself_is_a_500_and_ends_the_connection() -> None:
    connection = OneConnection()
    connection.runner.fault = RuntimeError("a fault")
    (answer,) = await connection.send(get("/s0/data?id=7"))
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert connection.wire.is_closed


@pytest.mark.parametrize("way", ["short", "framework's"])
def test_a_strategy_pays_for_others_only_by_way_of_the_framework(way: str) -> None:
    """A router scans its routes, half a microsecond each; calls are counted, because they do not vary."""

    async def claim() -> None:
        connection = OneConnection(strategies=50, without_items=way != "short")
        await connection.send(get("/s0/data?id=7"), get("/s49/data?id=7"))  # made ready
        first, last = [await calls_of(connection, get(f"/s{number}/data?id=7")) for number in (0, 49)]
        assert last == first if way == "short" else last > first + 49

    asyncio.run(claim())


async def calls_of(connection: OneConnection, request: str) -> int:
    """How many functions of the service and its packages are called to answer a request; not the loop's, which vary."""
    calls, others = 0, (str(Path(asyncio.__file__).parent), __file__)

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and not frame.f_code.co_filename.startswith(others)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        await connection.send(request)
    finally:
        sys.setprofile(before)
    return calls
