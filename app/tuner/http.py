"""One GET over HTTP, for reading metrics. It is asyncio's own, so that a server that hangs holds up no thread."""

import asyncio
from urllib.parse import urlsplit

from app.tuner.rates import MetricsAway

WITHIN_S = 2.0
"""Seconds within which an answer has come as a whole."""
BYTES_MAX = 4 << 20
"""The longest answer; a longer one is not read to its end."""
CHUNK_BYTES = 1 << 16


async def get(url: str) -> str:
    """The body of the answer 200 to a GET of an `http://` URL. Raises `MetricsAway` for anything else."""
    try:
        async with asyncio.timeout(WITHIN_S):
            answer = await _exchange(url)
        head, _, body = answer.partition(b"\r\n\r\n")
        status, _, _ = head.partition(b"\r\n")
        if status.split()[1:2] != [b"200"]:
            raise MetricsAway(f"{url} answered {status!r:.80}")
        return body.decode()
    except TimeoutError:
        raise MetricsAway(f"{url} did not answer within {WITHIN_S:g} s") from None
    except (OSError, ValueError) as error:
        raise MetricsAway(f"{url}: {error}") from error


async def _exchange(url: str) -> bytes:
    """The answer with its head. The version 1.0 has the server close at the end, and send nothing in chunks."""
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
        answer = bytearray()
        while part := await reader.read(CHUNK_BYTES):
            answer += part
            if len(answer) > BYTES_MAX:
                raise MetricsAway(f"{url} answered more than {BYTES_MAX:,} bytes")
        return bytes(answer)
    finally:
        writer.close()
