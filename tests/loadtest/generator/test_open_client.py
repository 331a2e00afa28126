"""The connections of the open loop to a pod: few made at once, and each request on one of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtest.generator import pod_connections
from loadtest.generator.answer_parser import HEAD_BYTES_MAX, AnswerParser, NoAnswer
from loadtest.generator.answer_recorder import AnswerRecorder, EndedRequest
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.open_client import OpenClient
from loadtest.generator.plan import LoadPlan
from loadtest.generator.schedule import Arrival
from tests.loadtest.generator.test_client import WHOLE
from tests.loadtest.generator.test_plan import OPEN, plan

ANSWER = WHOLE["a length"]


class Pod:
    """A pod on the client's own loop, which answers when it may."""

    def __init__(self) -> None:
        self.may_answer, self.is_asked = asyncio.Event(), asyncio.Semaphore(0)
        self.connections = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while await reader.readuntil(b"\r\n\r\n"):
            self.is_asked.release()
            await self.may_answer.wait()
            writer.write(ANSWER)


Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handle: Handle) -> AsyncIterator[str]:
    """A server whose connections have ended when it has."""
    tasks: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handle(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            await asyncio.wait([asyncio.create_task(writer.wait_closed())])

    server = await asyncio.start_server(handled, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks)


def client_of(mine: LoadPlan, reports: list[EndedRequest]) -> OpenClient:
    return OpenClient(mine, Meter(10_000), AnswerRecorder(mine, reports.append))


async def until_all_have_ended(client: OpenClient) -> None:
    async with asyncio.timeout(20):
        while client.under_way:
            client.look()
            await asyncio.sleep(0.01)


def test_a_burst_of_requests_makes_few_connections_at_once_and_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_connections, "CONNECTING_MAX", 5)
    reports: list[EndedRequest] = []

    async def main() -> None:
        pod, loop = Pod(), asyncio.get_running_loop()
        async with serving(pod.handle) as url:
            connect, at_once, most = loop.create_connection, 0, 0

            async def counted(*args: Any, **options: Any) -> Any:
                nonlocal at_once, most
                at_once += 1
                most = max(most, at_once)
                try:
                    return await connect(*args, **options)
                finally:
                    at_once -= 1

            monkeypatch.setattr(loop, "create_connection", counted)
            client = client_of(plan(tmp_path, OPEN, targets=url), reports)
            for number in range(60):
                client.ask(Arrival(number, 0.0, 0), now_s())
            for _ in range(60):
                await pod.is_asked.acquire()
            assert (most, pod.connections) == (5, 60), "each waits on a connection of its own"
            pod.may_answer.set()
            await until_all_have_ended(client)
            for number in range(60):
                client.ask(Arrival(number, 0.0, 0), now_s())
            await until_all_have_ended(client)
            assert pod.connections == 60, "those that there are serve again"
            client.cut_off()

    asyncio.run(main())
    assert [report.answer.code for report in reports] == [200] * 120


def test_a_connection_that_frees_up_is_taken_by_the_request_that_has_waited_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_connections, "CONNECTING_MAX", 1)
    reports: list[EndedRequest] = []

    async def main() -> None:
        pod, loop = Pod(), asyncio.get_running_loop()
        pod.may_answer.set()
        async with serving(pod.handle) as url:
            connect = loop.create_connection

            async def once(*args: Any, **options: Any) -> Any:
                if pod.connections:
                    await asyncio.sleep(60)
                return await connect(*args, **options)

            monkeypatch.setattr(loop, "create_connection", once)
            client = client_of(plan(tmp_path, OPEN, targets=url), reports)
            for number in range(20):
                client.ask(Arrival(number * 3, 0.0, number), now_s())
            await until_all_have_ended(client)
            client.cut_off()
            assert pod.connections == 1

    asyncio.run(main())
    assert [report.url.rpartition("=")[2] for report in reports] == [str(number) for number in range(20)]


def test_a_request_that_finds_no_connection_in_time_fails_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_connections, "CONNECT_S_MAX", 0.05)
    reports: list[EndedRequest] = []

    async def main() -> None:
        async def black_hole(*args: Any, **options: Any) -> Any:
            await asyncio.sleep(60)

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", black_hole)
        client = client_of(plan(tmp_path, OPEN, targets="http://127.0.0.1:9"), reports)
        for number in range(200):
            client.ask(Arrival(number, 0.0, 0), now_s())
        await until_all_have_ended(client)
        client.cut_off()

    asyncio.run(main())
    assert [str(report.failed) for report in reports] == ["no connection within 0.05 s"] * 200


def test_a_kept_connection_that_closes_as_it_is_taken_is_asked_again_once_and_a_new_one_is_not(
    tmp_path: Path,
) -> None:
    """The pod takes a second request on each connection, and closes it instead of answering."""
    reports: list[EndedRequest] = []
    asked = 0

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            for answer in (ANSWER, b"") if asked < 9 else (b"",):
                await reader.readuntil(b"\r\n\r\n")
                asked += 1
                writer.write(answer)
            writer.close()

        async with serving(handle) as url:
            client = client_of(plan(tmp_path, OPEN, targets=url), reports)
            for number in range(6):
                client.ask(Arrival(number, 0.0, 0), now_s())
                await until_all_have_ended(client)
            client.cut_off()

    asyncio.run(main())
    assert [report.answer.code for report in reports] == [200] * 5 + [0]
    assert asked == 5 + 4 + 2, "each but the first came twice, and the last one's second time failed"


def test_the_head_of_an_answer_has_a_bound() -> None:
    parser = AnswerParser()
    parser.feed(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(NoAnswer, match="head"):
        parser.feed(b"X-Any: more\r\n" * HEAD_BYTES_MAX)


def test_a_body_that_comes_byte_by_byte_costs_as_much_as_it_is_long() -> None:
    def took_s(size: int) -> float:
        parser, sent = AnswerParser(), b"1\r\na\r\n" * size + b"0\r\n\r\n"
        parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        began_s = time.process_time()
        parser.feed(sent)
        assert parser.is_complete
        assert parser.body == b"a" * size
        return time.process_time() - began_s

    short, longer = 40_000, 8
    assert took_s(longer * short) < 3 * longer * min(took_s(short) for _ in range(3))


def test_two_answers_to_one_request_are_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    reports: list[EndedRequest] = []
    connections = 0

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER + ANSWER.replace(b"X-Served-By: me", b"X-Served-By: ghost"))

        async with serving(handle) as url:
            client = client_of(plan(tmp_path, OPEN, targets=url), reports)
            for number in range(3):
                client.ask(Arrival(number, 0.0, 0), now_s())
                await until_all_have_ended(client)
            client.cut_off()

    asyncio.run(main())
    assert [report.answer.headers["x-served-by"] for report in reports] == ["me"] * 3
    assert connections == 3


def test_the_end_of_a_load_cuts_off_what_is_on_its_way_and_every_request_has_its_report(tmp_path: Path) -> None:
    reports: list[EndedRequest] = []

    async def main() -> None:
        pod = Pod()
        async with serving(pod.handle) as url:
            client = client_of(plan(tmp_path, OPEN, targets=url), reports)
            for number in range(10):
                client.ask(Arrival(number, 0.0, 0), now_s())
            for _ in range(10):
                await pod.is_asked.acquire()
            client.cut_off()
            assert (client.under_way, client.meter.in_flight) == ({}, 0)
            pod.may_answer.set()
            await asyncio.sleep(0.05)

    asyncio.run(main())
    assert [str(report.failed) for report in reports] == ["the test ended before the answer"] * 10
