"""The connections to one pod, on an asyncio loop.

A request takes an idle connection, and waits for one where there is none: for the first that is free or made. Few are
made at once, so that a burst of requests is no burst of connections.
"""

import asyncio
from collections import deque
from typing import cast
from urllib.parse import urlsplit

from loadtest.generator.pod_connection import Asked, PodConnection

CONNECTING_MAX = 64
"""Connections to one pod that are made at once; requests beyond wait for the next."""
CONNECT_S_MAX = 2.0
"""Seconds that a request may wait for a connection."""
USER_AGENT = "stampede-lab"


class PodConnections:
    """The connections to one pod, and the requests that wait for one; both are bounded by the requests in flight."""

    def __init__(self, url: str) -> None:
        """Set up without a connection; `url` is the pod's `http://host:port`."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self.head_rest = f" HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: {USER_AGENT}\r\n".encode()
        """All of a request's head that follows its path."""
        self._idle: dict[PodConnection, None] = {}
        self._made: set[PodConnection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._waiting: deque[Asked] = deque()
        self._is_closed = False

    @property
    def is_unused(self) -> bool:
        """Whether it has no connection, and no request waits for one."""
        return not (self._made or self._connecting or self._waiting)

    def send(self, asked: Asked) -> None:
        """Send a request on the connection that was used last, or as soon as there is one."""
        if self._idle:
            connection, _ = self._idle.popitem()
            connection.send(asked)
        else:
            self._waiting.append(asked)
            self._connect()

    def made(self, connection: PodConnection) -> None:
        self._made.add(connection)
        self.free(connection)

    def free(self, connection: PodConnection) -> None:
        """Give a connection with nothing under way to the request that has waited longest."""
        while self._waiting:
            asked = self._waiting.popleft()
            if not asked.is_over:
                connection.send(asked)
                return
        self._idle[connection], connection.is_kept = None, True

    def lost(self, connection: PodConnection) -> None:
        self._made.discard(connection)
        self._idle.pop(connection, None)

    def give_up(self, now_s: float) -> None:
        """End the requests that have waited for longer than `CONNECT_S_MAX` at `now_s`, seconds since the epoch."""
        while self._waiting and (self._waiting[0].is_over or self._waiting[0].began_s < now_s - CONNECT_S_MAX):
            self._fail_next(_none_in_time())

    def close(self) -> None:
        """Close all connections at once; what was under way is the caller's."""
        self._is_closed = True
        for task in self._connecting:
            task.cancel()
        for connection in list(self._made):
            connection.abort()

    def _connect(self) -> None:
        """Begin as many connections as requests wait for, up to the bound."""
        while not self._is_closed and len(self._connecting) < min(CONNECTING_MAX, len(self._waiting)):
            self._connecting.add(asyncio.get_running_loop().create_task(self._open()))

    async def _open(self) -> None:
        """Make one connection; where that fails, the request that has waited longest fails with it."""
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                await asyncio.get_running_loop().create_connection(lambda: PodConnection(self), self._host, self._port)
        except TimeoutError:
            self._fail_next(_none_in_time())
        except (OSError, ValueError) as error:  # the latter for a host that is none
            self._fail_next(error)
        finally:
            self._connecting.discard(cast(asyncio.Task[None], asyncio.current_task()))
            self._connect()

    def _fail_next(self, error: BaseException) -> None:
        asked = self._waiting.popleft() if self._waiting else None
        if asked is not None and not asked.is_over:
            asked.failed(error)


def _none_in_time() -> TimeoutError:
    return TimeoutError(f"no connection within {CONNECT_S_MAX:g} s")
