"""An entry as the bytes that Redis holds: a fixed head, then the body as it will be sent."""

import math
import struct
from zlib import crc32

from app.strategy import Entry

# magic and version, crc32 of all that follows; absent, read_at, fresh_until, keep_until, cost (s)
_SEAL = struct.Struct("<4sI")
_HEAD = struct.Struct("<?dddd")
_WHOLE = struct.Struct("<4sI?dddd")
_SEAL_BYTES, _BODY_AT = _SEAL.size, _WHOLE.size
_MAGIC = b"SLe1"
_INFINITE_S = math.inf
BODY_BYTES_MAX = 4_000_000
_BODY_BYTES_END = _BODY_AT + BODY_BYTES_MAX


class Corrupt(ValueError):
    """Bytes that are no whole entry of this version, or an entry with impossible times; the text says which."""


def encode(entry: Entry) -> bytes:
    """The entry as bytes. Raises `Corrupt` for one that `decode` would refuse."""
    head = _HEAD.pack(entry.absent, entry.read_at_s, entry.fresh_until_s, entry.keep_until_s, entry.cost_s)
    _check(entry.read_at_s, entry.fresh_until_s, entry.keep_until_s, entry.cost_s)
    if len(entry.body) > BODY_BYTES_MAX:
        raise Corrupt(f"a body of {len(entry.body)} bytes, of at most {BODY_BYTES_MAX}")
    return _SEAL.pack(_MAGIC, crc32(entry.body, crc32(head))) + head + entry.body


def decode(stored: bytes) -> Entry:
    """The entry in the stored bytes. Raises `Corrupt` where they hold none."""
    if not isinstance(stored, bytes):  # an error inside a list of values, or whatever else stands there
        raise Corrupt(f"{type(stored).__name__}, not bytes")
    if not _BODY_AT <= len(stored) <= _BODY_BYTES_END:
        raise Corrupt(f"{len(stored)} bytes")
    magic, crc, absent, read_at_s, fresh_until_s, keep_until_s, cost_s = _WHOLE.unpack_from(stored)
    body = stored[_BODY_AT:]
    if magic != _MAGIC or crc32(body, crc32(stored[_SEAL_BYTES:_BODY_AT])) != crc:
        raise Corrupt("wrong version or checksum")
    _check(read_at_s, fresh_until_s, keep_until_s, cost_s)
    return Entry(body, read_at_s, fresh_until_s, keep_until_s, cost_s, absent)


def _check(read_at_s: float, fresh_until_s: float, keep_until_s: float, cost_s: float) -> None:
    """Raise `Corrupt` unless the times are finite and in order, which NaN never is."""
    if not (0 <= read_at_s <= fresh_until_s <= keep_until_s < _INFINITE_S and 0 <= cost_s < _INFINITE_S):
        raise Corrupt(
            f"read at {read_at_s!r} s, fresh until {fresh_until_s!r} s, kept until {keep_until_s!r} s, cost "
            f"{cost_s!r} s: not finite, or not in this order"
        )
