"""The server of a live page answers this machine's own browsers, and nothing else."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from loadtest.live.audience import VIEWERS_MAX, Audience
from loadtest.live.page_events import PageEvents
from loadtest.live.server import LiveServer

Ask = Callable[[httpx.AsyncClient, LiveServer], Awaitable[None]]


def served(ask: Ask) -> None:
    """Ask a server with one event of each kind, on a port of the loopback."""

    async def main() -> None:
        log = PageEvents("a")
        log.add_figure("figure")
        log.add_grown("part", lambda: "whole")
        server, listener = LiveServer("<p>a page</p>", Audience(log)), socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        async def work() -> None:
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits) as client:
                await ask(client, server)

        await server.serve(listener, work)

    asyncio.run(main())


def test_a_name_that_leads_here_from_elsewhere_is_refused() -> None:
    hosts = ("example.org", "127.0.0.1.example.org", "127.0.0.2", "localhost.example.org:80", "")

    async def ask(client: httpx.AsyncClient, _: LiveServer) -> None:
        for host in hosts:
            for path in ("/", "/events", "/report.html"):
                assert (await client.get(path, headers={"host": host})).status_code == 400, (host, path)

    served(ask)


def test_the_page_is_for_its_own_origin_and_for_reading_alone() -> None:
    async def ask(client: httpx.AsyncClient, _: LiveServer) -> None:
        answer = await client.get("/", headers={"origin": "https://example.org"})
        assert (answer.status_code, answer.text) == (200, "<p>a page</p>")
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert (await client.post("/", content="x")).status_code == 405
        assert (await client.get("/", headers={"host": "localhost:80"})).status_code == 200

    served(ask)


def test_a_stream_begins_with_the_whole_state_and_goes_on_behind_the_last_event_that_is_known() -> None:
    async def lines(client: httpx.AsyncClient, last_id: str, blocks: int) -> list[str]:
        headers = {"last-event-id": last_id} if last_id else {}
        async with client.stream("GET", "/events", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            found: list[str] = []
            async for line in answer.aiter_lines():
                found += [line] if line.startswith("id: ") else []
                if len(found) == blocks:
                    return found
        raise AssertionError(found)

    async def ask(client: httpx.AsyncClient, server: LiveServer) -> None:
        assert await lines(client, "", 2) == ["id: a-1", "id: a-2"]
        assert await lines(client, "a-1", 1) == ["id: a-2"]

    served(ask)


def test_one_viewer_too_many_is_turned_away_and_one_that_never_reads_ends_with_the_server() -> None:
    async def ask(client: httpx.AsyncClient, _: LiveServer) -> None:
        streams = [client.stream("GET", "/events") for _ in range(VIEWERS_MAX)]
        answers = [await stream.__aenter__() for stream in streams]
        assert {answer.status_code for answer in answers} == {200}
        for answer in answers:
            await anext(answer.aiter_bytes())
        assert (await client.get("/events")).status_code == 503
        # left open: the server cuts them off

    served(ask)


def test_the_report_is_there_once_the_bench_has_ended(tmp_path: Path) -> None:
    async def ask(client: httpx.AsyncClient, server: LiveServer) -> None:
        assert (await client.get("/report.html")).status_code == 404
        server.report = tmp_path / "report.html"
        server.report.write_text("<p>the report</p>")
        assert (await client.get("/report.html")).text == "<p>the report</p>"

    served(ask)
