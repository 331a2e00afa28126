"""How an answer reaches the wire: in one write, and an item's without the framework.

uvicorn writes an answer's head and body apart, which are two system calls. `JoinedWrites` holds the head back until the
first part of the body comes. A request for an item does not even become a scope: an `Exchange` asks the endpoint of its
path and writes the answer. Each layer that is left out was measured (see `make hitpath`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger(__name__)

Respond = Callable[[bytes], Awaitable[tuple[bytes, bytes]]]
"""Answers a query string with a head, status line to last header, and a body; raises its own cancellation only."""

_LAST = b"connection: close\r\n\r\n"
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n"


class JoinedWrites:
    """A connection's transport, as uvicorn's cycle of one request and its answer sees it.

    The first write of an answer is its head. It leaves with the next one, or by itself at the end of the callback.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None
        self.is_used = False
        """Whether a part of the present answer has been written, or is held back."""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write a part of the answer, or hold it back where it is the first."""
        if not self.is_used:
            self._held, self.is_used = data, True
            self._loop.call_soon(self.flush)
        elif self._held is not None:
            self._held += data
            self.flush()
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write what is held back."""
        if self._held is not None:
            self._transport.write(self._held)
            self._held = None

    def end(self) -> None:
        """Write what is held back; the answer is whole, and the next write begins another one."""
        self.flush()
        self.is_used = False

    def close(self) -> None:
        self.flush()
        self._transport.close()


class _Unheard:
    """An event that wakes nothing: no endpoint of an item waits for its request's body."""

    def set(self) -> None:
        pass


class Exchange:
    """A request for an item and its answer, in the place of uvicorn's `RequestResponseCycle`.

    Its public attributes are those by which the connection's protocol knows a cycle.
    """

    __slots__ = (
        "_is_head", "_protocol", "_query", "_task", "disconnected", "keep_alive", "response_complete",
        "response_started",
    )  # fmt: skip

    message_event = _Unheard()

    def __init__(self, protocol: HttpToolsProtocol, query: bytes, is_head: bool, keep_alive: bool) -> None:
        """`is_head` is True for the method HEAD."""
        self._protocol = protocol
        self._query = query
        self._is_head = is_head
        self.keep_alive = keep_alive
        self.disconnected = self.response_started = self.response_complete = False

    def start(self, respond: Respond, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        """Begin to answer, in a task that is among the `tasks` until it ends."""
        self._task = task = loop.create_task(self._answer(respond, tasks))
        tasks.add(task)

    async def _answer(self, respond: Respond, tasks: set[asyncio.Task[None]]) -> None:
        """Write the answer, unless the client has gone by then."""
        try:
            head, body = await respond(self._query)
            if self._protocol.flow.write_paused and not self.disconnected:
                await self._protocol.flow.drain()
            if not (self.disconnected or self._protocol.transport.is_closing()):
                self._write(head, body)
        except Exception:
            self._fail()
        except asyncio.CancelledError:
            if self._task.cancelling():
                self._protocol.transport.close()
                raise
            self._fail()  # a strategy has let through the cancellation of something that it awaited
        except BaseException:
            self._protocol.transport.close()
            raise
        finally:
            tasks.discard(self._task)  # a callback for when it is done would cost 1 us

    def _fail(self) -> None:
        """Log the error at hand, and answer 500 where that is still possible."""
        log.exception("no answer to ?%s", self._query.decode("latin-1"))
        if not (self.response_started or self.disconnected or self._protocol.transport.is_closing()):
            self.keep_alive = False
            self._write(_FAILED, b"")

    def _write(self, head: bytes, body: bytes) -> None:
        protocol, end = self._protocol, b"\r\n" if self.keep_alive else _LAST
        protocol.transport.write(head + end if self._is_head else b"".join((head, end, body)))
        self.response_started = self.response_complete = True
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()
