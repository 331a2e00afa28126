"""The yardstick: `python -m benchmarks.hitpath.bare --fd N`, with the URL of its Redis in LAB_REDIS_URL.

It does one GET through redis-py's client as it comes, and answers with the bytes and the two headers that an answer
needs. The server's settings are those of `app.__main__`. They are repeated here because importing them would put the
service into this process's heap, where the collector would walk it.
"""

import argparse
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

import uvicorn
from redis.asyncio import Redis

Message = MutableMapping[str, Any]

KEY_PREFIX = b"bare:"


class BareApp:
    """`GET /?id=7` answers with what Redis holds at `bare:id=7`; without a value it fails, which is a 500."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(redis_url)

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        body = cast(bytes, await self._redis.get(KEY_PREFIX + scope["query_string"]))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hitpath.bare", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="serve on this inherited, bound socket")
    asked = parser.parse_args()
    config = uvicorn.Config(
        BareApp(os.environ["LAB_REDIS_URL"]),
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=asked.fd)])


if __name__ == "__main__":
    main()
