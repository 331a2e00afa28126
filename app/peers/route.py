"""The route by which pods ask each other to load: `GET /{strategy}/peer?id=N&cache_ms=M`.

It is a path of its own, so that neither an item's short way nor its answer looks at a header. It is there only where
the pod knows others, and is answered with no more than any miss costs.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from app.endpoint import BadId, parse_id
from app.peers.reply import SIGN, reply_to_peer, with_signs
from app.pod import Pod
from app.strategy_runner import StrategyRunner

_MILLISECONDS = re.compile(rb"[0-9]{1,6}")
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def add_peer_routes(app: FastAPI, pod: Pod[Any, Any]) -> None:
    """Add the routes to the app of a pod, unless it stands alone."""
    settings = pod.settings
    for name, runner in pod.runners.items() if settings.peers else ():
        endpoint = PeerEndpoint(runner, settings.key_space, settings.peer_timeout_ms / 1000)
        app.router.routes.append(Route(f"/{name}/peer", endpoint, methods=["GET"], name=f"/{name}/peer"))


class PeerEndpoint:
    """The route of one strategy, as an ASGI app: 200 with a reply of `app.peers.reply`, or 422."""

    def __init__(self, runner: StrategyRunner, key_space: int, timeout_s: float) -> None:
        """`timeout_s` is how long the pod that asks takes silence for work."""
        self._runner, self._key_space, self._timeout_s = runner, key_space, timeout_s

    async def __call__(self, scope: MutableMapping[str, Any], receive: object, send: Send) -> None:
        query, _, cache_ms = scope["query_string"].partition(b"&cache_ms=")
        try:
            item_id = parse_id(query, self._key_space)
            if not _MILLISECONDS.fullmatch(cache_ms):
                raise BadId("cache_ms must be whole milliseconds, behind the id: ?id=7&cache_ms=250")
        except BadId as error:
            await _begin(send, 422)
            await _say(send, json.dumps({"error": "bad id", "reason": str(error)}).encode())
            return
        is_begun = False

        async def sign() -> None:
            nonlocal is_begun
            if not is_begun:
                is_begun = True
                await _begin(send, 200)
            await _say(send, SIGN, is_last=False)

        reply = await with_signs(
            reply_to_peer(self._runner.load_for_peer(item_id, int(cache_ms) / 1000)), self._timeout_s, sign
        )
        if not is_begun:
            await _begin(send, 200)
        await _say(send, reply)


async def _begin(send: Send, code: int) -> None:
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": code, "headers": headers})


async def _say(send: Send, body: bytes, is_last: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not is_last})
