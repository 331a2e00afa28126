"""Whatever a server sends, a request ends as one line of the record, in the closed loop as in the open one."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import gevent
import pytest
from gevent.server import StreamServer

from loadtest.generator import client as closed_client
from loadtest.generator import open_client
from loadtest.generator.answer_recorder import REROUTED, AnswerRecorder, EndedRequest
from loadtest.generator.client import Client
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.open_client import OpenClient
from loadtest.generator.plan import LoadPlan
from loadtest.generator.schedule import Arrival
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
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "bytes": bytes(range(128, 256)),
}
ITEM = b'{"id":0,"version":1,"read_at":1.0,"text":"","crc32":0}'
HIT = b"cache-status: stampede-lab; hit; detail=hit; age=0.5\r\nX-Served-By: me\r\n"
WHOLE = {
    "a length": HEAD + HIT + b"content-length: %d\r\n\r\n%s" % (len(ITEM), ITEM),
    "chunks": HEAD + HIT + b"transfer-encoding: chunked\r\n\r\n6\r\n%s\r\n30\r\n%s\r\n0\r\n\r\n" % (ITEM[:6], ITEM[6:]),
    "until the connection ends": HEAD + HIT + b"connection: close\r\n\r\n" + ITEM,
    "a beginning before": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    + HEAD + HIT + b"content-length: %d\r\n\r\n%s" % (len(ITEM), ITEM),
}  # fmt: skip


@contextmanager
def saying(answer: bytes, then_s: float = 0.0, times: int = 1) -> Iterator[str]:
    """A server that says that to whoever asks, up to so many times, and closes the connection `then_s` later."""

    def handle(connection: socket.socket, address: object) -> None:
        for _ in range(times):
            if not connection.recv(65_536):
                return
            connection.sendall(answer)
        gevent.sleep(then_s)

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop()


class Asked(NamedTuple):
    """What so many requests leave."""

    lines: list[dict[str, str]]
    meter: Meter
    reports: list[EndedRequest]

    @property
    def errors(self) -> list[BaseException | None]:
        return [report.failed for report in self.reports if report.name != REROUTED]


def ask_one_by_one(mine: LoadPlan, meter: Meter, recorder: AnswerRecorder, times: int) -> None:
    client = Client(mine, meter, recorder)
    for turn in range(times):
        client.ask("x", 0, turn)
    client.close()


def ask_in_the_open_loop(mine: LoadPlan, meter: Meter, recorder: AnswerRecorder, times: int) -> None:
    """One after the other, each as soon as the one before has ended, in a thread as in a run."""

    async def main() -> None:
        client = OpenClient(mine, meter, recorder)
        for turn in range(times):
            client.ask(Arrival(turn * len(mine.targets.urls) * 3, 0.0, 0), now_s())
            while client.under_way:
                client.look()
                await asyncio.sleep(0.005)
        client.cut_off()
        await asyncio.sleep(0)

    gevent.get_hub().threadpool.apply(asyncio.run, (main(),))


LOOPS: dict[str, Callable[[LoadPlan, Meter, AnswerRecorder, int], None]] = {
    "closed": ask_one_by_one,
    "open": ask_in_the_open_loop,
}
in_both_loops = pytest.mark.parametrize("loop", LOOPS)


def asked(loop: str, folder: Path, targets: str, times: int = 1, follows_dns: bool = False) -> Asked:
    mine = plan(folder, OPEN, targets=targets, answers=str(folder))
    mine.targets.follows_dns = follows_dns
    reports: list[EndedRequest] = []
    meter = Meter(10)
    LOOPS[loop](mine, meter, AnswerRecorder(mine, reports.append), times)
    mine.records.close()
    return Asked(lines_of(folder), meter, reports)


@in_both_loops
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_none_is_an_error_with_its_reason(loop: str, answer: bytes, tmp_path: Path) -> None:
    with saying(answer) as url:
        lines, meter, reports = asked(loop, tmp_path, url, times=2)
    assert [line["code"] for line in lines] == ["0", "0"]
    assert [str(report.failed) not in ("", "None") for report in reports] == [True, True]
    assert (meter.sent, meter.in_flight) == (2, 0)


@in_both_loops
@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
def test_an_answer_is_whole_however_its_length_is_told(loop: str, answer: bytes, tmp_path: Path) -> None:
    with saying(answer) as url:
        lines, _, reports = asked(loop, tmp_path, url, times=2)
    assert [(line["code"], line["status"], line["age_s"], line["pod"]) for line in lines] == [
        ("200", "hit", "0.500", "me")
    ] * 2
    assert [report.answer.body for report in reports] == [ITEM] * 2


@in_both_loops
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
    loop: str, cache_status: str, fault: str, tmp_path: Path
) -> None:
    head = b"cache-status: %s\r\ncontent-length: %d\r\n\r\n" % (cache_status.encode(), len(ITEM))
    with saying(HEAD + head + ITEM) as url:
        (line,), _, _ = asked(loop, tmp_path, url)
    assert (line["code"], line["fault"]) == ("200", fault)
    assert line["status"] in {"", "hit"}
    assert line["age_s"] in {"", "1.000", "-9.000"}


@in_both_loops
def test_of_several_headers_of_a_name_the_first_counts(loop: str, tmp_path: Path) -> None:
    again = HIT.replace(b"me", b"you").replace(b"age=0.5", b"age=0.7")
    with saying(HEAD + HIT + again + b"content-length: %d\r\n\r\n%s" % (len(ITEM), ITEM)) as url:
        (line,), _, _ = asked(loop, tmp_path, url)
    assert (line["code"], line["age_s"], line["pod"]) == ("200", "0.500", "me")


@in_both_loops
def test_a_404_that_is_not_the_labs_own_is_a_wrong_answer(loop: str, tmp_path: Path) -> None:
    with saying(b'HTTP/1.1 404 Not Found\r\ncontent-length: 22\r\n\r\n{"detail":"Not Found"}') as url:
        one = asked(loop, tmp_path, url)
    assert [(line["code"], line["fault"]) for line in one.lines] == [("404", "a 404 of something else")]
    assert one.errors != [None]


@in_both_loops
def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_a_request_for_ever(
    loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (closed_client, open_client):
        monkeypatch.setattr(module, "ANSWER_S_MAX", 0.1)
    with saying(HEAD + b"content-length: 9\r\n\r\n", then_s=5) as url:
        one = asked(loop, tmp_path, url)
    assert [line["code"] for line in one.lines] == ["0"]
    assert "no answer within 0.1 s" in str(one.errors[0])


@in_both_loops
def test_a_connection_that_the_pod_closed_after_an_answer_is_no_failure(loop: str, tmp_path: Path) -> None:
    with saying(WHOLE["a length"], times=3) as url:
        one = asked(loop, tmp_path, url, times=10)
    assert [line["code"] for line in one.lines] == ["200"] * 10


@in_both_loops
def test_behind_a_name_another_pod_is_asked_where_one_cannot_be_reached(loop: str, tmp_path: Path) -> None:
    with socket.socket() as nobody, saying(WHOLE["a length"]) as url:
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        one = asked(loop, tmp_path, f"{dead},{url}", times=2, follows_dns=True)
    assert [line["code"] for line in one.lines] == ["200", "200"]
    assert [report.name == REROUTED for report in one.reports] == [True, False, False], "the dead one is left alone"
    assert one.reports[0].url.startswith(dead)
    assert (one.meter.sent, one.meter.in_flight) == (2, 0)


def test_a_request_that_the_end_of_the_test_cuts_off_has_its_line(tmp_path: Path) -> None:
    with saying(b"", then_s=60) as url:
        mine = plan(tmp_path, OPEN, targets=url, answers=str(tmp_path))
        meter = Meter(10)
        client = Client(mine, meter, AnswerRecorder(mine, lambda report: None))
        asking = gevent.spawn(client.ask, "x", 0, 0)
        gevent.sleep(0.05)
        asking.kill()
        mine.records.close()
    (line,) = lines_of(tmp_path)
    assert (line["code"], meter.sent, meter.in_flight) == ("0", 1, 0)
