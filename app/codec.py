"""An entry as the bytes that Redis holds: a fixed head, then the body as it will be sent."""

import struct
import zlib

from app.strategy import Entry

# magic and version, 1 = absent, crc32 of the body, body bytes, read_at, fresh_until, keep_until, cost (s)
_HEAD = struct.Struct("<4sBIIdddd")
_MAGIC = b"SLe1"
BODY_BYTES_MAX = 4_000_000


class Corrupt(ValueError):
    """Not an entry of this version, or not all of it."""


def encode(entry: Entry) -> bytes:
    return (
        _HEAD.pack(
            _MAGIC,
            entry.absent,
            zlib.crc32(entry.body),
            len(entry.body),
            entry.read_at_s,
            entry.fresh_until_s,
            entry.keep_until_s,
            entry.cost_s,
        )
        + entry.body
    )


def decode(stored: bytes) -> Entry:
    """Raises `Corrupt`."""
    if not _HEAD.size <= len(stored) <= _HEAD.size + BODY_BYTES_MAX:
        raise Corrupt(f"{len(stored)} bytes")
    magic, absent, crc, length, read_at_s, fresh_until_s, keep_until_s, cost_s = _HEAD.unpack_from(stored)
    body = stored[_HEAD.size :]
    if magic != _MAGIC or len(body) != length or zlib.crc32(body) != crc:
        raise Corrupt("wrong version, length or checksum")
    return Entry(body, read_at_s, fresh_until_s, keep_until_s, cost_s, absent == 1)
