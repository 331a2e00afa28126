"""A server that answers at once: `python -m benchmarks.limit.instant --fd N`.

It answers every id with an item and the headers of a hit, and does no work beside it. The cost and the lateness of a
load that is sent to it are therefore the generator's own.
"""

import argparse
import asyncio
import json
import re
import socket
import time
import zlib
from typing import cast

import uvloop

_TEXT = "at once " * 32
_STRATEGIES = json.dumps({"strategies": {name: {"oldest_s": 1.0} for name in ("instant", "mine")}}).encode()
_ID = re.compile(rb"[?&]id=(\d{1,9})[ &]")
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-status: stampede-lab; hit; detail=hit; ttl=1; age=0.0"
    b"\r\nx-served-by: instant\r\ncontent-length: %d\r\n\r\n%s"
)


def answer(request: bytes) -> bytes:
    """The answer to a request with this head; the id is 0 where it names none."""
    found = _ID.search(request)
    if b" /strategies " in request:
        return _HEAD % (len(_STRATEGIES), _STRATEGIES)
    item = {
        "id": int(found[1]) if found else 0,
        "text": _TEXT,
        "version": 1,
        "read_at": round(time.time(), 3),
        "crc32": zlib.crc32(_TEXT.encode()),
    }
    body = json.dumps(item).encode()
    return _HEAD % (len(body), body)


class AnsweringConnection(asyncio.Protocol):
    """The connection of one client, which waits for its answer before it sends the next GET."""

    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"\r\n\r\n"):
            self._transport.write(answer(self._received))
            self._received = b""


async def serve(listener: socket.socket) -> None:
    """Serves until the process ends."""
    server = await asyncio.get_running_loop().create_server(AnsweringConnection, sock=listener, backlog=4_096)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limit.instant", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="serve on this inherited, bound socket")
    uvloop.run(serve(socket.socket(fileno=parser.parse_args().fd)))


if __name__ == "__main__":
    main()
