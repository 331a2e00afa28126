"""What is known of a world's clock: by a reply alone, whatever connecting takes."""

import asyncio
from collections.abc import Iterator

import pytest

from loadtest.worlds import system

CONNECTING_S = 0.046
TRUE_OFFSET_S = 0.25


class SlowToConnect:
    """A Redis whose first command has to connect, on a machine that is busy during most of the others."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self._is_connected = False
        self._ways_s: Iterator[float] = iter([0.012, 0.0004, 0.02, 0.03, 0.012])

    async def __aenter__(self) -> "SlowToConnect":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def _connect(self) -> None:
        if not self._is_connected:
            self.now_s += CONNECTING_S
            self._is_connected = True

    async def ping(self) -> None:
        self._connect()

    async def time(self) -> tuple[int, int]:
        self._connect()
        self.now_s += next(self._ways_s)  # all of it before the reply: the worst case
        told = self.now_s + TRUE_OFFSET_S
        return int(told), round(told % 1 * 1e6)


def test_what_connecting_takes_is_no_difference_of_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it was: and reads that were dated before the first request were lost."""
    server = SlowToConnect()
    monkeypatch.setattr("loadtest.worlds.system.Redis.from_url", lambda url: server)
    monkeypatch.setattr("loadtest.worlds.system.time.time", lambda: server.now_s)
    found_s = asyncio.run(system.clock_offset_s("redis://127.0.0.1:1"))
    assert found_s == pytest.approx(TRUE_OFFSET_S, abs=0.0003)
