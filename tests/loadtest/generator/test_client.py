"""Whatever a server sends, a request ends as one line of the record."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from gevent.server import StreamServer

from loadtest.generator import client as module
from loadtest.generator.client import Client
from loadtest.generator.meter import Meter
from tests.loadtest.generator.liar import lines_of
from tests.loadtest.generator.test_plan import OPEN, plan

HEAD = b"HTTP/1.1 200 OK\r\n"
BROKEN = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "a broken status line": b"HTTP/1.1 banana OK\r\n\r\n",
    "an unknown version": b"HTTP/7.3 200 OK\r\n\r\n",
    "half a head": HEAD + b"content-le",
    "a broken header": HEAD + b"broken header\r\n\r\n",
    "a length that is none": HEAD + b"content-length: many\r\n\r\n",
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nabc",
    "half a body": HEAD + b"content-length: 100\r\n\r\nhalf",
    "half a chunk": HEAD + b"transfer-encoding: chunked\r\n\r\nff\r\nhalf",
    "a chunk of no length": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nhalf\r\n",
    "no more than a beginning": b"HTTP/1.1 100 Continue\r\n\r\n",
    "bytes": bytes(range(128, 256)),
}


@contextmanager
def saying(answer: bytes, then_s: float = 0.0) -> Iterator[str]:
    """A server that says that to whoever asks, and closes the connection, `then_s` later."""

    def handle(connection: socket.socket, address: object) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        gevent.sleep(then_s)

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop()


def asked(folder: Path, url: str, times: int = 1) -> tuple[list[dict[str, str]], Meter, list[BaseException | None]]:
    """The lines that so many requests leave, and what Locust is told of each."""
    mine = plan(folder, OPEN, targets=url, answers=str(folder))
    told: list[BaseException | None] = []
    meter = Meter(10)
    client = Client(mine, meter, lambda **about: told.append(about["exception"]), None)
    for turn in range(times):
        client.ask("x", 0, turn)
    mine.close()
    client.close()
    return lines_of(folder), meter, told


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_none_is_an_error_with_its_reason(answer: bytes, tmp_path: Path) -> None:
    with saying(answer) as url:
        lines, meter, told = asked(tmp_path, url, times=2)
    assert [line["code"] for line in lines] == ["0", "0"]
    assert [str(error) != "" for error in told] == [True, True]
    assert (meter.sent, meter.in_flight) == (2, 0)


@pytest.mark.parametrize(
    ("cache_status", "fault"),
    [
        ("", "no status of an answer"),
        ("stampede-lab; hit; detail=magic; age=1", "no status of an answer"),
        ("stampede-lab; hit; detail=hit", "no possible age"),
        ("stampede-lab; hit; detail=hit; age=old", "no possible age"),
        ("stampede-lab; hit; detail=hit; age=nan", "no possible age"),
        ("stampede-lab; hit; detail=hit; age=-9", "no possible age"),
    ],
)
def test_a_header_that_says_nothing_possible_is_a_fault_and_leaves_a_line_that_can_be_read(
    cache_status: str, fault: str, tmp_path: Path
) -> None:
    body = b'{"id":0,"version":1,"read_at":1.0,"text":"","crc32":0}'
    head = b"cache-status: %s\r\ncontent-length: %d\r\n\r\n" % (cache_status.encode(), len(body))
    with saying(HEAD + head + body) as url:
        (line,), _, _ = asked(tmp_path, url)
    assert (line["code"], line["fault"]) == ("200", fault)
    assert line["status"] in {"", "hit"}
    assert line["age_s"] in {"", "1.000", "-9.000"}


def test_a_404_that_is_not_the_labs_own_is_a_wrong_answer(tmp_path: Path) -> None:
    with saying(b'HTTP/1.1 404 Not Found\r\ncontent-length: 22\r\n\r\n{"detail":"Not Found"}') as url:
        (line,), _, (error,) = asked(tmp_path, url)
    assert (line["code"], line["fault"]) == ("404", "a 404 of something else")
    assert error is not None


def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_a_request_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S_MAX", 0.1)
    with saying(HEAD + b"content-length: 9\r\n\r\n", then_s=5) as url:
        (line,), _, (error,) = asked(tmp_path, url)
    assert line["code"] == "0"
    assert "no answer within 0.1 s" in str(error)


def test_a_request_that_the_end_of_the_test_cuts_off_has_its_line(tmp_path: Path) -> None:
    with saying(b"", then_s=60) as url:
        mine = plan(tmp_path, OPEN, targets=url, answers=str(tmp_path))
        meter = Meter(10)
        asking = gevent.spawn(Client(mine, meter, lambda **about: None, None).ask, "x", 0, 0)
        gevent.sleep(0.05)
        asking.kill()
        mine.close()
    (line,) = lines_of(tmp_path)
    assert (line["code"], meter.sent, meter.in_flight) == ("0", 1, 0)
