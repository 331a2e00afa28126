"""One direction of a relayed connection: the bytes that are held back, in order, and bounded."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

HELD_BYTES_MAX = 1 << 20
"""Bytes that one direction of a connection holds back; beyond, it reads no more until half of them have left."""


class End(Protocol):
    """One end of a relayed connection, as a flow sees it."""

    def write(self, data: bytes) -> None: ...

    def hold(self, is_held: bool) -> None:
        """Stop or begin to read here, so that the peer has to wait."""
        ...


class Flow:
    """The bytes from one end to the other. Without trouble they pass at once, and nothing is held."""

    def __init__(self, source: End, sink: End) -> None:
        self._source, self._sink = source, sink
        self._loop = asyncio.get_running_loop()
        self._held: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_full = self._is_sink_full = False
        self.when_empty: Callable[[], None] = lambda: None
        """Called whenever nothing is held any more."""

    @property
    def is_empty(self) -> bool:
        return not self._held

    def pass_on(self, data: bytes, wait_s: float = 0.0) -> None:
        """Write bytes at the sink after some seconds, and never before those that came earlier."""
        if not (self._held or wait_s):
            self._sink.write(data)
            return
        due_s = self._loop.time() + wait_s
        if self._held:
            due_s = max(due_s, self._held[-1][0])
        self._held.append((due_s, data))
        self._held_bytes += len(data)
        if self._timer is None:
            self._timer = self._loop.call_at(due_s, self._release)
        self._look()

    def pass_on_in_pieces(self, data: bytes, size: int, apart_s: float, wait_s: float) -> None:
        """Write bytes in pieces, each `apart_s` after the one before."""
        first_s = self._loop.time() + wait_s
        if self._held:
            first_s = max(first_s, self._held[-1][0] + apart_s)
        for number, start in enumerate(range(0, len(data), size)):
            due_s = first_s + number * apart_s
            self.pass_on(data[start : start + size], max(due_s - self._loop.time(), 1e-9))

    def sink_is_full(self, is_full: bool) -> None:
        """Note whether the sink's peer reads too slowly."""
        self._is_sink_full = is_full
        self._look()

    def drop(self) -> None:
        """Forget what is held."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._held.clear()
        self._held_bytes = 0

    def _release(self) -> None:
        self._timer = None
        due_by_s = self._loop.time()
        while self._held and self._held[0][0] <= due_by_s:
            _, data = self._held.popleft()
            self._held_bytes -= len(data)
            self._sink.write(data)
        if self._held:
            self._timer = self._loop.call_at(self._held[0][0], self._release)
        else:
            self.when_empty()
        self._look()

    def _look(self) -> None:
        too_many = self._held_bytes > (HELD_BYTES_MAX // 2 if self._is_full else HELD_BYTES_MAX)
        is_full = too_many or self._is_sink_full
        if is_full != self._is_full:
            self._is_full = is_full
            self._source.hold(is_full)
