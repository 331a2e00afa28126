"""One HTTP connection of a pod: uvicorn's protocol, held to the bounds of `app.connections`.

A request for an item takes a short way: its path is looked up as it was written, and an `Exchange` answers it. Nothing
of its headers is kept. Every other request goes to the framework, by way of `JoinedWrites`.
"""

import asyncio
import json
import logging
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.connections import (
    BODY_BYTES_MAX,
    REFUSE_WITHIN_S,
    REFUSING_MAX,
    URL_BYTES_MAX,
    WRITE_S_MAX,
    Connections,
)
from app.exchange import Exchange, JoinedWrites, Respond

log = logging.getLogger(__name__)

_READS = (b"GET", b"HEAD")


class BoundedProtocol(HttpToolsProtocol):
    """One HTTP connection, held to the bounds that it shares with the others."""

    def __init__(self, shared: Connections, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._shared = shared
        self._is_one_too_many = False
        self._is_in_body = False  # else in a head, or between two requests
        self._part_bytes = 0  # of the head or body so far; not of its first chunk where another part ended in that
        self._head_bytes = 0
        self._respond: Respond | None = None  # where this request is for an item
        self._query = b""
        self._refusal = HTTPStatus.BAD_REQUEST, "this is no HTTP request"
        self._head_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        shared = self._shared
        if shared.open < shared.most:
            shared.open += 1
            super().connection_made(transport)
            self._joined = JoinedWrites(transport, self.loop)
            self._head_timer = self.loop.call_later(shared.head_timeout_s, self._no_head_came)
            return
        self._is_one_too_many = True
        self.transport = transport
        shared.tell_refused()
        shared.refusing += 1
        if shared.refusing > REFUSING_MAX:
            transport.abort()
        else:  # once it has sent something: an answer that comes before gets lost in the reset
            self._head_timer = self.loop.call_later(REFUSE_WITHIN_S, self._refuse_one_too_many)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_end_timer()
        if self._is_one_too_many:
            self._shared.refusing -= 1
            return
        self._shared.open -= 1
        self._shared.idle.end(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_one_too_many:
            self._refuse_one_too_many()
            return
        if self.transport.is_closing():
            return
        self._part_bytes += len(data)
        self._shared.idle.end(self)
        try:
            self._parse(data)
        except HttpParserError:
            self._answer(*self._refusal)
        if self._is_in_body:
            if self._part_bytes > BODY_BYTES_MAX:
                if not self.pipeline and not self.cycle.response_started:
                    self.cycle.disconnected = True  # the refusal is this request's answer
                self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the service reads {BODY_BYTES_MAX} bytes of a body")
        elif self._part_bytes > self._shared.head_bytes_max:
            self._head_is_too_large()
            self._answer(*self._refusal)
        elif self._part_bytes and self._head_timer is None:
            self._head_timer = self.loop.call_later(self._shared.head_timeout_s, self._no_head_came)

    def _parse(self, data: bytes) -> None:
        """Parse what came. An upgrade is to no protocol that the pod speaks: it answers as if none were asked for."""
        while data:
            try:
                self.parser.feed_data(data)
                return
            except HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]  # the requests behind the one that asks for it

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > URL_BYTES_MAX:
            self._refusal = HTTPStatus.REQUEST_URI_TOO_LONG, f"a URL has {URL_BYTES_MAX} bytes at most"
            raise ValueError(self._refusal[1])  # stops the parser
        path, _, query = self.url.partition(b"?")
        self._respond = self._shared.items.get(path)
        if self._respond is not None:
            self._query = query
            if self.parser.get_method() not in _READS or b"#" in query:
                self._respond = None

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_body:
            return  # a trailer, which the service ignores
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._shared.head_bytes_max:
            self._head_is_too_large()
            raise ValueError(self._refusal[1])
        if self._respond is None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._head_timer is not None:
            self._stop_head_timer()
        self._is_in_body, self._part_bytes, self._head_bytes = True, 0, 0
        if self._respond is not None:
            self._begin_exchange(self._respond)
            return
        super().on_headers_complete()
        self.cycle.transport = self._joined  # type: ignore[assignment]  # it has what the cycle uses of one
        if self._shared.is_draining:
            self.cycle.keep_alive = False

    def _begin_exchange(self, respond: Respond) -> None:
        """Begin to answer a request for an item, or queue it behind the one that is being answered."""
        parser, before = self.parser, self.cycle
        is_kept = parser.should_keep_alive() and parser.get_http_version() != "1.0" and not self._shared.is_draining
        exchange = Exchange(self, self._query, parser.get_method() == b"HEAD", is_kept)
        self.cycle = exchange  # type: ignore[assignment]
        if before is None or before.response_complete:
            exchange.start(respond, self.loop, self.tasks)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, respond))  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, Exchange):
            cycle.start(app, self.loop, self.tasks)
        else:
            super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        if self._respond is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_body, self._part_bytes = False, 0
        if self._respond is None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request or wait for one. uvicorn's own sets a timer for each wait, which costs 3 us."""
        if self._joined.is_used:
            self._joined.end()
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._shared.idle.begin(self)
            if self.flow.read_paused and not self.pipeline:  # so that no more queue than came in one piece
                self.flow.resume_reading()
        if self._is_in_body:  # the rest of it is not read
            self.transport.close()
        if self.transport.is_closing():
            self._cut_off_soon()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._cut_off_soon()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut_off_soon()

    def resume_writing(self) -> None:
        self._stop_end_timer()
        super().resume_writing()

    def _head_is_too_large(self) -> None:
        most = self._shared.head_bytes_max
        self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"a head has {most} bytes at most (head_bytes_max)"

    def _no_head_came(self) -> None:
        if self._part_bytes:
            said = f"no whole head within {self._shared.head_timeout_s:g} s (head_timeout_ms)"
            self._answer(HTTPStatus.REQUEST_TIMEOUT, said)
        else:
            self.transport.close()

    def _refuse_one_too_many(self) -> None:
        most = self._shared.most
        self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{most} connections are open already (connections_max)")

    def _answer(self, status: HTTPStatus, reason: str) -> None:
        """Answer with the reason, unless another answer is being sent, and close the connection."""
        self._stop_head_timer()
        is_free = self.cycle is None or self.cycle.response_complete or self.cycle.disconnected
        if is_free and not self.transport.is_closing():
            body = json.dumps({"error": status.phrase.lower(), "reason": reason}).encode()
            retry = "retry-after: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n{retry}"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
        self._cut_off_soon()

    def _cut_off_soon(self) -> None:
        """Abort the connection after `WRITE_S_MAX`, so that a client that reads nothing cannot keep it for ever."""
        if self._end_timer is None:
            self._end_timer = self.loop.call_later(WRITE_S_MAX, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_end_timer(self) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()
            self._end_timer = None
