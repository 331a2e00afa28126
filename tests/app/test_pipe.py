"""The pipelined connection under faults: lost, silent, slow to read, malformed; and that no reply goes astray."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvloop

from app import pipe as pipe_module
from app.commands import Call, ConnectionGone, Malformed, anything, ok, packed
from app.pipe import Pipe
from app.redis_address import RedisAddress
from app.standing import TIMEOUTS_IN_A_ROW, Standing
from app.strategy import CacheAway
from tests.contract.caches import CacheLog
from tests.fake_redis import fake_redis
from tests.redis_server import RedisServer

TIMEOUT_S, PAUSE_S = 0.1, 0.05
FAR_S = 50 * TIMEOUT_S
"""A bound that a busy machine does not reach, and waiting for ever does."""
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine to its end, on each kind of loop: what they do with a connection that ends differs."""

    def on_a_new_loop(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main)

    return on_a_new_loop


class Line:
    """A pipe to a Redis, its standing, and what was counted."""

    def __init__(self, url: str, retries: int = 1) -> None:
        self.standing, self.log = Standing(PAUSE_S), CacheLog()
        self.pipe = Pipe(RedisAddress(url), self.standing, self.log, TIMEOUT_S, retries)

    def ask(self, *words: str | int | bytes, read: Callable[[object], object] = anything) -> asyncio.Future[object]:
        call = Call("hello", packed(*words), read, self.pipe.time.now_s() + TIMEOUT_S)
        self.pipe.send(call)
        return call.reply


@asynccontextmanager
async def line_to(url: str, retries: int = 1) -> AsyncIterator[Line]:
    line = Line(url, retries)
    try:
        yield line
    finally:
        await line.pipe.aclose()


@asynccontextmanager
async def served(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server on loopback, by its URL."""
    connections: list[asyncio.Task[None] | None] = []

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve_and_close, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        await asyncio.gather(*filter(None, connections))


def test_commands_are_answered_in_their_order_on_one_connection(run: Run, redis_url: str) -> None:
    async def main() -> None:
        async with line_to(redis_url) as line:
            asked = [line.ask("ECHO", f"{number}") for number in range(500)]
            assert await asyncio.gather(*asked) == [b"%d" % number for number in range(500)]
            assert len({await line.ask("CLIENT", "ID") for _ in range(3)}) == 1

    run(main())


def test_callers_that_go_away_leave_no_reply_behind_for_the_next_however_it_is_sliced(run: Run, redis_url: str) -> None:
    """Behind a proxy that cuts every reply into pieces: 50,000 commands, of which a third lose their caller."""
    seed = 20261127

    async def main() -> None:
        rng = Random(seed)
        port = int(redis_url.rpartition(":")[2].partition("/")[0])

        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ahead, back = await asyncio.open_connection("127.0.0.1", port)

            async def there() -> None:
                while data := await reader.read(65_536):
                    back.write(data)
                back.close()

            going = asyncio.ensure_future(there())
            while data := await ahead.read(rng.randrange(1, 4_000)):
                writer.write(data)
                await asyncio.sleep(0)
            await going

        async with served(cut) as url, line_to(url) as line:
            right = 0
            for _ in range(50):
                asked = [line.ask("ECHO", f"{number}") for number in range(1_000)]
                for _ in range(rng.randrange(20)):
                    await asyncio.sleep(0)
                for caller in rng.sample(asked, 300):
                    caller.cancel()
                answers = await asyncio.gather(*asked, return_exceptions=True)
                for number, answer in enumerate(answers):
                    if not isinstance(answer, asyncio.CancelledError):
                        assert answer == b"%d" % number, f"seed {seed}"
                        right += 1
            assert right >= 35_000
            assert line.log.failed == []

    run(main())


def test_a_lost_connection_is_replaced_and_the_commands_on_it_are_sent_again(run: Run, redis_url: str) -> None:
    async def main() -> None:
        async with line_to(redis_url) as line, line_to(redis_url) as other:
            for _ in range(3):
                name = await line.ask("CLIENT", "ID")
                assert await other.ask("CLIENT", "KILL", "ID", str(name)) == 1
                asked = [line.ask("ECHO", f"{number}") for number in range(10)]
                assert await asyncio.gather(*asked) == [b"%d" % number for number in range(10)]
            assert line.standing.is_open
            assert line.log.failed == []

    run(main())


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_connection_that_is_lost_each_time_is_tried_so_often_and_then_redis_is_away(run: Run, retries: int) -> None:
    async def main() -> None:
        connected = 0

        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connected
            connected += 1
            await reader.read(1)
            writer.transport.abort()

        async with served(reset) as url, line_to(url, retries) as line:
            with pytest.raises(ConnectionGone):
                await line.ask("PING")
            assert connected == 1 + retries
            assert not line.standing.is_open
            assert line.log.failed == ["hello"]

    run(main())


def test_a_refused_connection_fails_at_once_and_redis_is_away(run: Run) -> None:
    async def main() -> None:
        async with line_to("redis://127.0.0.1:1/0") as line:
            with pytest.raises(ConnectionGone, match="ConnectionRefused"):  # no time-out, which is another error
                await line.ask("PING")
            assert not line.standing.is_open

    run(main())


def test_one_slow_command_fails_for_its_caller_and_closes_redis_to_nobody(run: Run, tmp_path: Path) -> None:
    async def main(server: RedisServer) -> None:
        async with line_to(server.url) as line:
            name = await line.ask("CLIENT", "ID")
            server.signal(signal.SIGSTOP)
            try:
                asked = [line.ask("PING") for _ in range(20)]
                answers = await asyncio.gather(*asked, return_exceptions=True)
            finally:
                server.signal(signal.SIGCONT)
            assert [type(answer) for answer in answers] == [CacheAway] * 20
            assert line.standing.is_open
            assert await line.ask("CLIENT", "ID") == name  # the late replies were read and dropped
            assert line.log.failed == ["hello"] * 20

    with RedisServer(tmp_path) as server:
        run(main(server))


def test_a_redis_that_stays_silent_is_away_after_several_time_outs_and_asked_on_a_new_connection(run: Run) -> None:
    async def main() -> None:
        async with fake_redis() as server, line_to(server.url) as line:
            await line.ask("TIME")
            server.go_silent()
            began_s = time.monotonic()
            at_once = 20
            for turn in range(TIMEOUTS_IN_A_ROW):
                assert line.standing.is_open, turn
                answers = await asyncio.gather(*(line.ask("TIME") for _ in range(at_once)), return_exceptions=True)
                assert {isinstance(answer, CacheAway) for answer in answers} == {True}
            assert not line.standing.is_open
            one_by_one_s = at_once * TIMEOUTS_IN_A_ROW * TIMEOUT_S
            assert time.monotonic() - began_s < one_by_one_s / 3, "they wait together, also on a busy machine"
            await asyncio.sleep(PAUSE_S)
            async with asyncio.timeout(FAR_S):
                while not line.standing.is_open:
                    assert await line.ask("TIME")

    run(main())


def test_connecting_to_what_does_not_greet_is_bounded(run: Run) -> None:
    async def main() -> None:
        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        async with served(say_nothing) as url, line_to(url.replace("redis://", "redis://:secret@")) as line:
            for _ in range(TIMEOUTS_IN_A_ROW):
                assert line.standing.is_open
                with pytest.raises(CacheAway):
                    async with asyncio.timeout(FAR_S):
                        await line.ask("PING")
            assert not line.standing.is_open

    run(main())


@pytest.mark.parametrize("said", [b"+OK\r\n+OK\r\n", b":7\r\n", b"?what\r\n", b"*1\r\n*1\r\n"])
def test_a_reply_that_is_none_ends_the_connection_and_whatever_waits_on_it(run: Run, said: bytes) -> None:
    async def main() -> None:
        connected = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connected
            connected += 1
            await reader.read(65_536)
            writer.write(said)
            await reader.read()

        async with served(serve) as url, line_to(url) as line:
            first, second = line.ask("PING", read=ok), line.ask("TIME", read=_never)
            answers = await asyncio.gather(first, second, return_exceptions=True)
            assert isinstance(answers[1], CacheAway)
            assert connected == 1
            if said != b"*1\r\n*1\r\n":  # half a reply is only late
                assert isinstance(answers[1], ConnectionGone)
                assert not line.standing.is_open

    run(main())


def _never(reply: object) -> object:
    raise Malformed(f"{reply!r}")


def test_a_pipe_that_is_full_turns_away_and_redis_is_not_away(
    run: Run, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe_module, "PENDING_MAX", 10)

    async def main() -> None:
        async with line_to(redis_url) as line:
            asked = [line.ask("ECHO", f"{number}") for number in range(12)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert answers[:10] == [b"%d" % number for number in range(10)]
            assert [type(answer) for answer in answers[10:]] == [CacheAway] * 2
            assert line.standing.is_open

    run(main())


def test_a_redis_that_does_not_read_holds_so_many_bytes_of_a_pod_and_no_more(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe_module, "UNSENT_BYTES_MAX", bytes_max := 8_000_000)

    async def main(server: RedisServer) -> None:
        async with line_to(server.url) as line:
            await line.ask("PING")
            server.signal(signal.SIGSTOP)
            try:
                asked = [line.ask("SET", "big", b"x" * 1_000_000) for _ in range(40)]
                turned_away = [one for one in asked if one.done()]
                assert 40 - len(turned_away) <= (bytes_max + 12_000_000) / 1_000_000  # the system holds some, too
                assert line.standing.is_open
                await asyncio.wait(asked)
            finally:
                server.signal(signal.SIGCONT)
            async with asyncio.timeout(5):
                while (await asyncio.gather(line.ask("PING"), return_exceptions=True))[0] != b"PONG":  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # until it has read what was in the system

    with RedisServer(tmp_path) as server:
        run(main(server))


def test_a_pipe_that_is_closed_fails_what_is_under_way_and_what_comes(run: Run, tmp_path: Path) -> None:
    async def main(server: RedisServer) -> None:
        line = Line(server.url)
        await line.ask("PING")
        server.signal(signal.SIGSTOP)
        asked = line.ask("PING")
        await line.pipe.aclose()
        for one in (asked, line.ask("PING")):
            with pytest.raises(CacheAway, match="closed"):
                await one

    with RedisServer(tmp_path) as server:
        run(main(server))
