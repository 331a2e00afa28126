"""The mark of a fault in the metrics store: from its beginning to its end, every second once, whatever was lost."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from loadtest.worlds import fault_marks
from loadtest.worlds.fault_marks import FaultMarks


@contextmanager
def store(*statuses: int, takes_s: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """A metrics store that answers with these, and then well, some seconds after it took them.

    Its URL, and the lines that it took.
    """
    left, took = list(statuses), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            status = left.pop(0) if left else 204
            took.extend(text.splitlines() if status < 400 else [])
            time.sleep(takes_s)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", took
        server.shutdown()


async def _mark(marks: FaultMarks, for_s: float) -> None:
    async with marks.marked("redis-slow", 'every "reply" is late\n'):
        await asyncio.sleep(for_s)


@pytest.mark.parametrize("statuses", [(), (500, 503)])
def test_every_second_is_told_once_also_where_the_store_was_away(
    statuses: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_marks, "TELL_EVERY_S", 0.3)
    with store(*statuses) as (url, took):
        marks = FaultMarks(url)
        asyncio.run(_mark(marks, 1.3))
    assert marks.missing == ""
    assert {line.rsplit(" ", 1)[0] for line in took} == {
        """lab_fault{fault="redis-slow",does="every 'reply' is late "} 1"""
    }
    moments = [int(line.rsplit(" ", 1)[1]) for line in took]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] >= 1_300
    whole = [moment for moment in moments if moment % 1000 == 0]
    assert max(Counter(whole).values(), default=0) == 1
    assert {moment // 1000 for moment in whole} >= set(range(moments[0] // 1000 + 1, moments[-1] // 1000 + 1))


def test_a_mark_that_is_on_its_way_when_the_fault_ends_is_told_once() -> None:
    with store(takes_s=0.3) as (url, took):
        began_s = time.time()
        asyncio.run(_mark(FaultMarks(url), 0.1))
    moments = [int(line.rsplit(" ", 1)[1]) for line in took]
    assert moments == sorted(moments), "the store had taken the first one before its answer came"
    assert moments[-1] - began_s * 1000 >= 100
    assert len([moment for moment in moments if moment % 1000]) <= 3, "the beginning, the first mark, and the end"


def test_a_store_that_is_not_there_ends_nothing_and_is_told() -> None:
    marks = FaultMarks("http://127.0.0.1:9")
    asyncio.run(_mark(marks, 0.01))
    assert "ConnectError" in marks.missing
