"""The bytes that a contender caches: what a load gave, behind a head that dates it and a checksum of both."""

import math
import struct
from dataclasses import dataclass
from zlib import crc32

from app.strategy import Loaded

# magic and version, crc32 of all that follows; absent, read_at, cost, when the load ended, what a negative entry is
# kept for at most, all in seconds
_SEAL = struct.Struct("<4sI")
_WHOLE = struct.Struct("<4sI?dddd")
_HEAD = struct.Struct("<?dddd")
_MAGIC = b"SLs1"
_BODY_AT = _WHOLE.size
BODY_BYTES_MAX = 16_777_216
"""The greatest size of a body; there is room for what a store of big values is asked."""


class Unsealable(ValueError):
    """An answer that is no sealed value; the text says why."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The content of a sealed value: the load, and the moment at which it ended, seconds on the cache's clock."""

    loaded: Loaded
    ended_s: float


def seal(loaded: Loaded, ended_s: float) -> bytes:
    """The load as bytes. Raises `Unsealable` for a body beyond `BODY_BYTES_MAX`."""
    if len(loaded.body) > BODY_BYTES_MAX:
        raise Unsealable(f"a body of {len(loaded.body)} bytes, of at most {BODY_BYTES_MAX}")
    head = _HEAD.pack(loaded.absent, loaded.read_at_s, loaded.cost_s, ended_s, loaded.keep_for_s_max)
    return _SEAL.pack(_MAGIC, crc32(loaded.body, crc32(head))) + head + loaded.body


def unseal(value: object) -> Sealed:
    """The load that was sealed. Raises `Unsealable` for anything else."""
    if not isinstance(value, bytes):
        raise Unsealable(f"{type(value).__name__}, not bytes")
    if not _BODY_AT <= len(value) <= _BODY_AT + BODY_BYTES_MAX:
        raise Unsealable(f"{len(value)} bytes")
    magic, crc, absent, read_at_s, cost_s, ended_s, keep_for_s_max = _WHOLE.unpack_from(value)
    if magic != _MAGIC or crc32(memoryview(value)[_SEAL.size :]) != crc:
        raise Unsealable("wrong version or checksum")
    if not (0 <= read_at_s < math.inf and 0 <= cost_s < math.inf and 0 <= ended_s < math.inf and keep_for_s_max >= 0):
        raise Unsealable(f"read at {read_at_s!r} s, cost {cost_s!r} s, ended at {ended_s!r} s: not finite")
    return Sealed(Loaded(value[_BODY_AT:], read_at_s, cost_s, absent, keep_for_s_max), ended_s)
