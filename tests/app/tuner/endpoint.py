"""A server of metrics for a test, which answers, hangs, drips or talks nonsense as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager


class Endpoint:
    """It listens on loopback; `answer` are the bytes that every request gets, None lets it hang."""

    def __init__(self) -> None:
        self.answer: bytes | None = b""
        self.asked: list[str] = []
        self.url = ""

    def tell(self, rates_per_s: Mapping[str, float]) -> None:
        """Answer as VictoriaMetrics does."""
        result = [{"metric": {"prefix": prefix}, "value": [1, str(rate)]} for prefix, rate in rates_per_s.items()]
        self.say(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}))

    def say(self, body: str, status: str = "200 OK") -> None:
        self.answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode().partition(" ")[2].partition(" ")[0])
            if self.answer is None:
                await reader.read()  # until the caller has had enough
            else:
                writer.write(self.answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the caller has gone
        finally:
            writer.close()


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """An endpoint that is closed with the context, after which nobody listens."""
    one = Endpoint()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
