"""The connections of the closed loop to a pod, by geventhttpclient, and the headers that arrive on them."""

import socket
from collections.abc import Iterator, Mapping
from typing import Any

from geventhttpclient.client import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.header import Headers

CONNECT_S_MAX = 2.0
CONNECTIONS_MAX = 10_000
"""Connections to one pod: more than a process may open, so that the number of users is the bound that counts."""


class FirstValues(Mapping[str, str]):
    """The headers of an answer, of several of a name the first, where geventhttpclient has a list of them."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        value = self._headers[name]
        return value if isinstance(value, str) else value[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Connections(ConnectionPool):
    """A pool of geventhttpclient that works with hundreds of connections."""

    def __init__(self, host: str, port: int, answer_s_max: float) -> None:
        super().__init__(
            host, port, host, port, CONNECTIONS_MAX, network_timeout=answer_s_max, connection_timeout=CONNECT_S_MAX
        )
        # A request is tried again as often as this, each time that the pod closes the connection instead of answering:
        # once will do for a connection that was closed as it was taken.
        self.size = 0

    def _is_socket_alive(self, sock: Any) -> bool:
        """Whether a connection is idle and open; the original's select() takes files beyond the 1024th for dead."""
        try:
            sock._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False


def connect(pod: str, answer_s_max: float) -> HTTPClient:
    """A client of the pod at that URL, without a connection; its sockets wait for as many seconds at most."""
    client = HTTPClient.from_url(pod)
    client._connection_pool = _Connections(client.host, client.port or 80, answer_s_max)
    return client
