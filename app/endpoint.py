"""HTTP around a strategy runner: the id from the query, the answer onto the wire.

The cached bytes go out as they are, behind a head that is made of text which is ready but for a few numbers. Each layer
that is left out was measured (see `make hitpath`).
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from app.strategy_runner import StrategyRunner

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

QUERY_BYTES_MAX = 256
"""The longest query whose percent escapes are decoded; a longer one is a bad id."""
# One spelling per number, so that one item has one key: no sign, no leading zero, ASCII digits only.
_PLAIN = re.compile(rb"id=(0|[1-9][0-9]{0,6})")


CLIENT_BYTES_MAX = 128
"""The bytes of the header that tell clients apart."""


class BadId(ValueError):
    """A query that names no id of the key space; the text says what is allowed."""


def parse_id(query: bytes, key_space: int) -> int:
    """The id that a query string asks for. Raises `BadId`."""
    match = _PLAIN.fullmatch(query)
    if match is None:
        match = _PLAIN.fullmatch(_decoded(query))
    if match is None or int(match[1]) >= key_space:
        raise BadId(f"id must be a whole number from 0 to {key_space - 1}, written plainly and given once: ?id=7")
    return int(match[1])


def _decoded(query: bytes) -> bytes:
    """The query without percent escapes; empty, which matches no id, where it is long or malformed."""
    if len(query) > QUERY_BYTES_MAX:
        return b""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
        return "&".join(f"{name}={value}" for name, value in pairs).encode("ascii")
    except ValueError:
        return b""


class ItemEndpoint:
    """The route of one strategy, `GET /{strategy}/data?id=N`: 200, 404, 422 for a bad id, 429 or 503.

    The pod's server calls `respond`; as an ASGI app it answers what only the framework finds, such as an escaped path.
    """

    def __init__(self, runner: StrategyRunner, pod: str, key_space: int, client_header: str = "") -> None:
        """`client_header` tells clients apart for the rate limits; empty, it is their address."""
        self._runner, self._client_header = runner, client_header.encode()
        self._key_space = key_space
        same = (
            f"content-type: application/json\r\nx-served-by: {pod.encode('latin-1', 'replace').decode('latin-1')}\r\n"
        )
        self._heads = {
            code: f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\n{same}" for code in (200, 404, 422, 429, 500, 503)
        }

    async def respond(self, query: bytes) -> tuple[bytes, bytes]:
        """The head, from the status line to the last header, and the body of the answer to a query."""
        try:
            item_id = parse_id(query, self._key_space)
        except BadId as error:
            head, body = self._refusal(error)
        else:
            answer = await self._runner.answer(item_id)
            body = answer.body
            head = f"{self._heads[answer.code]}{answer.headers}content-length: {len(body)}\r\n"
        return head.encode("latin-1"), body

    def _refusal(self, why: BadId) -> tuple[str, bytes]:
        body = json.dumps({"error": "bad id", "reason": str(why)}).encode()
        return f"{self._heads[422]}content-length: {len(body)}\r\n", body

    async def respond_to(self, client: str, query: bytes) -> tuple[bytes, bytes]:
        """Head and body as of `respond`, or the 429 for a client that is beyond a rate limit."""
        if (refused := self._runner.turned_away(client)) is None:
            return await self.respond(query)
        head = f"{self._heads[refused.code]}{refused.headers}content-length: {len(refused.body)}\r\n"
        return head.encode("latin-1"), refused.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._runner.rate_limit is None:
            head, body = await self.respond(scope["query_string"])
        else:
            head, body = await self.respond_to(client_of(scope, self._client_header), scope["query_string"])
        status_line, *lines = head.split(b"\r\n")[:-1]
        headers = [tuple(line.split(b": ", 1)) for line in lines]
        await send({"type": "http.response.start", "status": int(status_line.split()[1]), "headers": headers})
        await send({"type": "http.response.body", "body": body})


def client_of(scope: Scope, header: bytes) -> str:
    """The client of a request: what the header says, else the address of the peer; empty where neither is known."""
    if header:
        for name, value in scope["headers"]:
            if name == header:
                return str(value[:CLIENT_BYTES_MAX].decode("latin-1"))
    return str(scope["client"][0]) if scope.get("client") else ""
