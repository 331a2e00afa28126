"""The bounds of a pod's open connections: their number, the time and the size of a request's head.

uvicorn's HTTP on httptools has none of them. A client that connects and sends nothing keeps a file for ever, and a head
of any size is read. A request that is refused here never reaches the app.
"""

from collections.abc import Callable
from typing import Protocol

from app.deadlines import Deadlines
from app.exchange import Respond
from app.settings import Settings

URL_BYTES_MAX = 8_192
"""The longest path and query that is read; a longer one is answered 414."""
BODY_BYTES_MAX = 65_536
"""The most of a request's body that is read, though no route takes one; beyond it the answer is 413."""
REFUSING_MAX = 64
"""Connections beyond `connections_max` that may wait for their 503; a further one is aborted."""
REFUSE_WITHIN_S = 1.0
"""How long such a connection may send nothing before it is answered 503 and closed."""
WRITE_S_MAX = 30.0
"""How long a client may leave an answer unread before its connection is aborted."""


class Idle(Protocol):
    """A connection that waits for its next request."""

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, because none has come."""
        ...


class Connections:
    """The state that all connections of a pod share: the bounds, the counts, and whether the pod is ending."""

    def __init__(self, settings: Settings, tell_refused: Callable[[], None]) -> None:
        """`tell_refused` is called for each connection that is one too many."""
        self.most = settings.connections_max
        self.head_bytes_max = settings.head_bytes_max
        self.head_timeout_s = settings.head_timeout_ms / 1000
        idle_s_max = settings.keep_alive_ms / 1000
        self.idle: Deadlines[Idle] = Deadlines(idle_s_max, lambda idle: idle.timeout_keep_alive_handler())
        """The connections between two requests."""
        self.open = 0
        self.refusing = 0
        self.tell_refused = tell_refused
        self.client_header = settings.nets.client_header.encode()
        """The header that tells clients apart, in lower case; empty where it is their address."""
        self.items: dict[bytes, Respond] = {}
        """The paths that are answered without the framework, as a request writes them."""
        self.is_draining = False
        """Whether the pod was asked to end: then it is not ready, and each answer is the last of its connection."""
