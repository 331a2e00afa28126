"""The way to other pods over HTTP: connections that are kept, one question at a time on each.

Nothing of a user's request goes along but the id and its time. Every failure of the way becomes a `PeerAway`. Bounds,
time-outs and what follows from a failure are those of `app.peers.peers`.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from httptools import HttpParserError, HttpResponseParser

from app.peers.names import Address
from app.peers.peers import PeerBounds, PeerQuestion, PodPeers
from app.peers.reply import BYTES_MAX, read_reply
from app.peers.roster import PeerRoster
from app.settings import Settings
from app.strategy import Lookup, PeerAway

IDLE_MAX = 16
"""Connections to one pod that are kept between two questions."""


def over_http(
    settings: Settings, roster: PeerRoster, monotonic_s: Callable[[], float], died: Callable[[str], None]
) -> PodPeers:
    """The other pods of the service, as far as the roster knows them; none where the settings name none."""
    bounds = PeerBounds.of(settings)
    if not settings.peers:
        return PodPeers(settings.pod, bounds, monotonic_s)
    client = PeerClient(roster.addresses)
    return PodPeers(settings.pod, bounds, monotonic_s, client.ask, roster.addresses, died, client.close)


class PeerClient:
    """The connections to the pods at these addresses, which may change. Its `ask` is an `app.peers.peers.AskPeer`."""

    def __init__(self, addresses: Mapping[str, Address]) -> None:
        self._addresses = addresses
        self._idle: dict[Address, list[_Line]] = {}

    async def ask(self, pod: str, question: PeerQuestion, heard: Callable[[], None]) -> Lookup:
        """Ask a pod; see `app.peers.peers.AskPeer`."""
        if (address := self._addresses.get(pod)) is None:
            raise PeerAway(f"{pod} is not there any more")
        strategy, item_id, cache_s = question
        target = f"/{strategy}/peer?id={item_id}&cache_ms={int(1000 * cache_s)}"
        request = f"GET {target} HTTP/1.1\r\nhost: {pod}\r\n\r\n".encode()
        try:
            code, reply = await self._exchange(address, request, heard)
            if code != 200:
                raise PeerAway(f"{pod} answers {code}")
            return read_reply(reply)
        except OSError as error:
            raise PeerAway(f"{pod}: {error}") from error
        except ValueError as error:  # no reply, no entry, or no JSON
            raise PeerAway(f"{pod} answers what is no reply: {error}") from error

    async def _exchange(self, address: Address, request: bytes, heard: Callable[[], None]) -> tuple[int, bytes]:
        """Send a request on a kept connection, or on a new one where none is left that the pod has not closed."""
        while line := self._kept(address):
            with suppress(_ClosedBefore):
                return await self._ask_on(line, address, request, heard)
        line = _Line()
        await asyncio.get_running_loop().create_connection(lambda: line, *address)
        return await self._ask_on(line, address, request, heard)

    async def _ask_on(
        self, line: "_Line", address: Address, request: bytes, heard: Callable[[], None]
    ) -> tuple[int, bytes]:
        answer = await line.ask(request, heard)
        known = set(self._addresses.values())
        for gone in self._idle.keys() - known:
            self._hang_up(self._idle.pop(gone))
        kept = self._idle.setdefault(address, []) if address in known else []
        if line.is_open and len(kept) < IDLE_MAX:
            kept.append(line)
        else:
            line.hang_up()
        return answer

    def _kept(self, address: Address) -> "_Line | None":
        """A connection that was open a moment ago; each is taken once."""
        kept = self._idle.get(address, [])
        while kept:
            if (line := kept.pop()).is_open:
                return line
        return None

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._hang_up(self._idle.popitem()[1])

    @staticmethod
    def _hang_up(lines: "list[_Line]") -> None:
        for line in lines:
            line.hang_up()


class _ClosedBefore(ConnectionResetError):
    """The pod had closed the connection before it saw the request, as it may between two of them."""


class _Line(asyncio.Protocol):
    """One connection to a pod."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self.is_open = False
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._has_answered = False  # an earlier question
        self._body, self._begun = bytearray(), False
        self._parser = HttpResponseParser(self)
        self._heard: Callable[[], None] = lambda: None

    async def ask(self, request: bytes, heard: Callable[[], None]) -> tuple[int, bytes]:
        """The code and the body of the answer. Raises OSError, or ValueError for what is no answer."""
        self._body, self._begun, self._heard = bytearray(), False, heard
        self._parser = HttpResponseParser(self)
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._transport.write(request)
        try:
            return await answer
        finally:
            self._answer = None
            if not answer.done() or answer.cancelled():
                self.hang_up()  # or the reply would be the next one's

    def hang_up(self) -> None:
        self.is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.is_open = transport, True  # type: ignore[assignment]  # of a stream it is one

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        is_stale = self._has_answered and not self._begun
        self._fail((_ClosedBefore if is_stale else ConnectionResetError)(str(exc or "it hung up")))

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nothing was asked
            self.hang_up()
            return
        self._begun = True
        self._heard()
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(ValueError(str(error)))
            self.hang_up()

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > BYTES_MAX:
            raise ValueError(f"more than {BYTES_MAX} bytes")  # stops the parser

    def on_message_complete(self) -> None:
        self._has_answered = True
        if not self._parser.should_keep_alive():
            self.hang_up()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), bytes(self._body)))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
