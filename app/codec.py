"""An entry as the bytes that Redis holds: a fixed head, then the body as it will be sent."""

import struct
import zlib

from app.strategy import Entry

# magic and version, crc32 of all that follows; absent, read_at, fresh_until, keep_until, cost (s)
_SEAL = struct.Struct("<4sI")
_HEAD = struct.Struct("<?dddd")
_BODY_AT = _SEAL.size + _HEAD.size
_MAGIC = b"SLe1"
BODY_BYTES_MAX = 4_000_000


class Corrupt(ValueError):
    """Not an entry of this version, or not all of it."""


def encode(entry: Entry) -> bytes:
    head = _HEAD.pack(entry.absent, entry.read_at_s, entry.fresh_until_s, entry.keep_until_s, entry.cost_s)
    return _SEAL.pack(_MAGIC, zlib.crc32(entry.body, zlib.crc32(head))) + head + entry.body


def decode(stored: bytes) -> Entry:
    """Raises `Corrupt`."""
    if not _BODY_AT <= len(stored) <= _BODY_AT + BODY_BYTES_MAX:
        raise Corrupt(f"{len(stored)} bytes")
    magic, crc = _SEAL.unpack_from(stored)
    absent, read_at_s, fresh_until_s, keep_until_s, cost_s = _HEAD.unpack_from(stored, _SEAL.size)
    if magic != _MAGIC or zlib.crc32(memoryview(stored)[_SEAL.size :]) != crc:
        raise Corrupt("wrong version or checksum")
    return Entry(stored[_BODY_AT:], read_at_s, fresh_until_s, keep_until_s, cost_s, absent)
