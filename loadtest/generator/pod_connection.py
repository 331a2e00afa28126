"""One kept-alive HTTP connection to a pod, on an asyncio loop."""

import asyncio
from typing import Protocol, cast

from loadtest.generator.answer_parser import AnswerParser, Headers, NoAnswer


class Asked(Protocol):
    """A request on its way to a pod: either `answered` or `failed` is called, once."""

    path: bytes
    """The path of the request with its query."""
    client_line: bytes
    """The header line that tells its client; empty where pods tell clients by their address."""
    connection: "PodConnection | None"
    """The connection that it was sent on; None while it waits for one."""
    is_retried: bool
    """Whether it was sent again, because a kept-alive connection was closed as it was taken."""
    is_over: bool
    """Whether it has ended; one that ends while it waits is left out."""
    began_s: float
    """The moment from which it waits, seconds since the epoch."""

    def answered(self, code: int, headers: Headers, body: bytes) -> None: ...

    def failed(self, error: BaseException) -> None: ...


class Owner(Protocol):
    """The owner of a connection, which gives it requests."""

    head_rest: bytes
    """All of a request's head that follows its path, but for its client and the empty line at the end."""

    def send(self, asked: Asked) -> None: ...

    def made(self, connection: "PodConnection") -> None: ...

    def free(self, connection: "PodConnection") -> None: ...

    def lost(self, connection: "PodConnection") -> None: ...


class PodConnection(asyncio.Protocol):
    """A connection to a pod, with one request under way at a time."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser = AnswerParser()
        self._asked: Asked | None = None
        self._transport: asyncio.Transport | None = None
        self._is_answering = False
        self.is_kept = False
        """Whether it was open before it was taken, so that the pod may have closed it meanwhile."""

    def send(self, asked: Asked) -> None:
        """Send a request, which fails where the connection is lost before its answer."""
        assert self._transport is not None
        self._asked, asked.connection = asked, self
        self._is_answering = False
        self._transport.write(b"".join((b"GET ", asked.path, self._owner.head_rest, asked.client_line, b"\r\n")))

    def abort(self) -> None:
        """Close the connection at once, and leave what was under way to the caller."""
        self._asked = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self._owner.made(self)

    def data_received(self, data: bytes) -> None:
        if self._asked is None:
            self.abort()  # nothing was asked
            return
        self._is_answering = True
        try:
            self._parser.feed(data)
        except NoAnswer as error:
            self._fail(error)
            return
        if self._parser.is_complete:
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        self._owner.lost(self)
        asked = self._asked
        if asked is None:
            return
        if error is None and self._parser.end():
            self._finish()
        elif self.is_kept and not self._is_answering and not asked.is_retried:
            self._asked = None
            asked.connection, asked.is_retried = None, True
            self._owner.send(asked)
        else:
            self._fail(error or ConnectionResetError("the connection was closed before the whole answer"))

    def _finish(self) -> None:
        """Hand over the answer, after the connection is free for the next request."""
        asked, parser = self._asked, self._parser
        assert asked is not None
        code, headers, body = parser.code, Headers(parser.headers), parser.body
        self._asked, self.is_kept = None, True
        if parser.is_last:
            self.abort()
        else:
            parser.begin()
            self._owner.free(self)
        asked.answered(code, headers, body)

    def _fail(self, error: BaseException) -> None:
        asked = self._asked
        self.abort()
        if asked is not None:
            asked.failed(error)
