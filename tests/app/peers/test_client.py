"""Pods that ask each other over HTTP: real sockets, against a server that answers what a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.peers.client import PeerClient
from app.peers.names import Address
from app.peers.peers import PeerQuestion
from app.peers.rendezvous import ranking
from app.peers.reply import reply_of
from app.strategy import Entry, Lookup, OriginFailed, PeerAway, Shed, Status
from tests.pod import ledger_rows, pod_settings, running_pod
from tests.pod_process import pod_process

ENTRY = Entry(b'{"id": 7}', 1.0, 6.0, 6.0, 0.2)
LOOKUP = Lookup(Status.MISS, ENTRY)
QUESTION = PeerQuestion("routed", 7, 0.25)


def whole(body: bytes, code: int = 200, more: str = "") -> bytes:
    return f"HTTP/1.1 {code} Any\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body


class Pod:
    """A server on loopback that answers each request as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        """The bytes of each answer in turn, the last one for all that follow; None hangs up."""
        self.asked: list[bytes] = []
        self.connections = self.open = self.port = 0
        self.hangs_up = False
        """Whether it ends a connection behind its answer."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    return
                writer.write(answer)
                if self.hangs_up:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def a_pod(*answers: bytes | None) -> AsyncIterator[tuple[Pod, PeerClient]]:
    pod = Pod()
    pod.answers = [*answers]
    server = await asyncio.start_server(pod.serve, "127.0.0.1", 0)
    host, pod.port = server.sockets[0].getsockname()
    client = PeerClient({"near": (host, pod.port)})
    try:
        yield pod, client
    finally:
        client.close()
        server.close()
        async with asyncio.timeout(5):
            while pod.open:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def nothing() -> None: ...


def test_a_question_says_no_more_than_the_id_and_the_time_and_connections_are_kept() -> None:
    async def story() -> None:
        async with a_pod(whole(reply_of(LOOKUP))) as (pod, client):
            for _ in range(3):
                assert await client.ask("near", QUESTION, nothing) == LOOKUP
            assert pod.asked == [b"GET /routed/peer?id=7&cache_ms=250 HTTP/1.1\r\nhost: near\r\n\r\n"] * 3
            assert pod.connections == 1

    asyncio.run(story())


def test_a_connection_that_was_closed_between_two_questions_costs_no_answer() -> None:
    async def story() -> None:
        async with a_pod(whole(reply_of(LOOKUP)), None, whole(reply_of(LOOKUP))) as (pod, client):
            assert await client.ask("near", QUESTION, nothing) == LOOKUP
            assert await client.ask("near", QUESTION, nothing) == LOOKUP
            assert (pod.connections, len(pod.asked)) == (2, 3)

    asyncio.run(story())


@pytest.mark.parametrize("failed", [OriginFailed("it is down"), Shed("it is full")], ids=["failed", "shed"])
def test_a_load_that_failed_there_fails_here_with_its_reason_and_when_to_try_again(failed: OriginFailed | Shed) -> None:
    async def story() -> None:
        failed.retry_after_s = 1.5
        async with a_pod(whole(b"\n\n" + reply_of(failed))) as (_, client):
            with pytest.raises(type(failed), match=str(failed)) as raised:
                await client.ask("near", QUESTION, nothing)
        assert isinstance(raised.value, OriginFailed | Shed)
        assert raised.value.retry_after_s == 1.5

    asyncio.run(story())


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nmiss\n",  # and then nothing but the end
        b"+PONG\r\n",
        whole(b"{}", 500),
        whole(b"", 404),
        whole(b"miss\nno entry"),
        whole(b"miss\n" + reply_of(LOOKUP)[5:-1]),
        whole(b"splendid\n" + reply_of(LOOKUP)[5:]),
        whole(b"error\nno JSON"),
        whole(b"error\n[]"),
        whole(b"\xff\xfe"),
        whole(b""),
    ],
)
def test_whatever_is_no_reply_is_a_pod_that_is_away(answer: bytes | None) -> None:
    async def story() -> None:
        async with a_pod(answer) as (pod, client):
            pod.hangs_up = True
            with pytest.raises(PeerAway):
                await client.ask("near", QUESTION, nothing)

    asyncio.run(story())


def test_a_pod_that_refuses_or_has_left_is_away() -> None:
    async def story() -> None:
        addresses: dict[str, Address] = {"near": ("127.0.0.1", 1)}
        client = PeerClient(addresses)
        with pytest.raises(PeerAway, match=r"near: .*(refused|Connect call failed)"):
            await client.ask("near", QUESTION, nothing)
        addresses.clear()
        with pytest.raises(PeerAway, match="not there any more"):
            await client.ask("near", QUESTION, nothing)

    asyncio.run(story())


def test_a_question_that_is_given_up_closes_its_connection_so_that_its_reply_reaches_no_other() -> None:
    async def story() -> None:
        async with a_pod(b"", whole(reply_of(LOOKUP))) as (pod, client):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.ask("near", QUESTION, nothing)
            assert await client.ask("near", QUESTION, nothing) == LOOKUP
            assert pod.connections == 2

    asyncio.run(story())


def test_a_real_pod_gives_signs_while_it_loads_and_keeps_the_connection(tmp_path: Path) -> None:
    signs = 0

    def heard() -> None:
        nonlocal signs
        signs += 1

    async def story(host: str, port: int) -> list[Lookup]:
        client = PeerClient({"near": (host, port)})
        try:
            return [await client.ask("near", QUESTION, heard) for _ in range(2)]
        finally:
            client.close()

    slow = "fixed(300)"
    with pod_process(tmp_path, origin_latency=slow, peer_timeout_ms=150, peers="near=127.0.0.1:1", pod="near") as pod:
        lookups = asyncio.run(story(pod.host, pod.port))
    assert [lookup.status for lookup in lookups] == [Status.MISS] * 2  # it has no Redis
    assert signs >= 2 * (2 + 1), "a sign each 50 ms for 300 ms, and the reply"


def test_another_pods_question_is_a_load_in_the_ledger_and_no_answer_to_a_user(redis_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        settings = pod_settings(redis_url, tmp_path, peers="near=127.0.0.1:1,far=127.0.0.1:2", pod="near")
        async with running_pod(settings) as client:
            replies = [await client.get("/routed/peer?id=7&cache_ms=250") for _ in range(2)]
            rows, metrics = await ledger_rows(client), (await client.get("/metrics")).text
            bad = [(await client.get(f"/routed/peer?{query}")).status_code for query in BAD]
        assert [reply.content.partition(b"\n")[0] for reply in replies] == [b"miss", b"hit"], "it looks before it loads"
        assert len(rows) == 1
        assert 'lab_requests_total{status="miss",strategy="routed"} 0.0' in metrics
        assert 'lab_peer_asked_total{strategy="routed"} 2.0' in metrics
        assert bad == [422] * len(BAD)

    asyncio.run(story())


def test_a_miss_of_a_key_that_belongs_to_another_pod_is_loaded_there_alone(redis_url: str, tmp_path: Path) -> None:
    of_the_other = next(n for n in range(60) if ranking(["here", "near"], f"lab:routed:{n}")[0] == "near")

    async def story() -> None:
        async with a_pod(whole(reply_of(LOOKUP)), None) as (pod, _):
            settings = pod_settings(
                redis_url, tmp_path, peers=f"here=127.0.0.1:1,near=127.0.0.1:{pod.port}", pod="here"
            )
            async with running_pod(settings) as client:
                asking = [client.get(f"/routed/data?id={of_the_other}") for _ in range(5)]
                answers = await asyncio.gather(*asking)
                assert await ledger_rows(client) == []
                assert len(pod.asked) == 1
                assert {answer.content for answer in answers} == {ENTRY.body}
                details = sorted(answer.headers["cache-status"].partition("detail=")[2][:4] for answer in answers)
                assert details == ["coll"] * 4 + ["miss"]
                # it dies: its keys are the next one's, which is this pod
                assert (await client.get(f"/routed/data?id={of_the_other}")).status_code == 200
                assert len(await ledger_rows(client)) == 1
                metrics = (await client.get("/metrics")).text
        assert 'lab_peer_asks_total{outcome="answered",strategy="routed"} 1.0' in metrics
        assert 'lab_peer_asks_total{outcome="away",strategy="routed"} 1.0' in metrics

    asyncio.run(story())


def test_pods_are_found_behind_a_name_and_one_that_is_none_costs_no_answer(redis_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path, peers="dns:localhost:1", pod="here")) as client:
            for number in range(60):
                assert (await client.get(f"/routed/data?id={number}")).status_code == 200
            assert len(await ledger_rows(client)) == 60
            metrics = (await client.get("/metrics")).text
        assert 'lab_peer_asks_total{outcome="away",strategy="routed"} 0.0' not in metrics, "whom DNS names was asked"

    asyncio.run(story())


BAD = ["", "id=7", "id=-1&cache_ms=250", "id=7&cache_ms=", "id=7&cache_ms=-1", "id=7&cache_ms=1e3", "id=64&cache_ms=1"]


def test_a_pod_that_stands_alone_has_no_such_route(redis_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            assert (await client.get("/routed/peer?id=7&cache_ms=250")).status_code == 404
            assert (await client.get("/routed/data?id=7")).status_code == 200

    asyncio.run(story())
