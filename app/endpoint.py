"""HTTP around a strategy runner: the id from the query, the answer onto the wire.

It is a plain ASGI class without a response model, so that the cached bytes go out as they are. Each layer that is left
out here was measured (see `make hitpath`).
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
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
    """The route of one strategy, `GET /{strategy}/data?id=N`: 200, 404, 422 for a bad id, or 503."""

    def __init__(self, runner: StrategyRunner, pod: str, key_space: int) -> None:
        self._runner = runner
        self._key_space = key_space
        self._fixed_headers = [
            (b"content-type", b"application/json"),
            (b"x-served-by", pod.encode("latin-1", "replace")),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            item_id = parse_id(scope["query_string"], self._key_space)
        except BadId as error:
            code, body = 422, json.dumps({"error": "bad id", "reason": str(error)}).encode()
            headers = self._fixed_headers
        else:
            answer = await self._runner.answer(item_id)
            code, body = answer.code, answer.body
            headers = [*self._fixed_headers, (b"cache-status", answer.cache_status.encode("ascii"))]
            if code == 503:
                headers.append((b"retry-after", b"1"))
        headers = [*headers, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": body})
