"""Replies of Redis as bytes, in RESP2 or RESP3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimpleReply:
    """A reply that is one line: OK, PONG, QUEUED."""

    text: bytes


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error reply, whose text begins with its code."""

    text: str


@dataclass(frozen=True, slots=True)
class SetReply:
    """A reply whose members have no order, which RESP3 tells from a list."""

    members: Sequence["Reply"]


class _NullArray:
    """The null of commands that answer a list, which RESP2 tells from that of strings."""


class NoReply:
    """The absence of a reply: pub/sub pushes its own, and a command that blocks has none yet."""


NULL_ARRAY = _NullArray()
NO_REPLY = NoReply()
OK = SimpleReply(b"OK")
Reply = (
    bytes
    | str
    | int
    | float
    | None
    | SimpleReply
    | SetReply
    | ErrorReply
    | _NullArray
    | Sequence["Reply"]
    | Mapping["Reply", "Reply"]
)
"""A reply as the commands give it."""


def packed_reply(reply: Reply, protocol: int) -> bytes:
    """The bytes of a reply. Raises TypeError for what is none."""
    if type(reply) is bytes:
        return b"$%d\r\n%b\r\n" % (len(reply), reply)
    out: list[bytes] = []
    _pack(reply, protocol, out)
    return b"".join(out)


def packed_push(message: Sequence[Reply], protocol: int) -> bytes:
    """The bytes of a message that no command asked for; RESP2 has but arrays for it."""
    out = [b"%c%d\r\n" % (b">" if protocol == 3 else b"*", len(message))]
    for part in message:
        _pack(part, protocol, out)
    return b"".join(out)


def _pack(reply: Reply, protocol: int, out: list[bytes]) -> None:  # noqa: PLR0912 - one branch for each type
    match reply:
        case bytes():
            out.append(b"$%d\r\n%b\r\n" % (len(reply), reply))
        case None:
            out.append(b"_\r\n" if protocol == 3 else b"$-1\r\n")
        case bool():
            out.append(b"#%c\r\n" % (b"t" if reply else b"f") if protocol == 3 else b":%d\r\n" % reply)
        case int():
            out.append(b":%d\r\n" % reply)
        case SimpleReply(text):
            out.append(b"+%b\r\n" % text)
        case ErrorReply(text):
            out.append(b"-%b\r\n" % text.replace("\r", " ").replace("\n", " ").encode())
        case float():
            number = b"%.17g" % reply
            out.append(b",%b\r\n" % number if protocol == 3 else b"$%d\r\n%b\r\n" % (len(number), number))
        case str():
            _pack(reply.encode(), protocol, out)
        case _NullArray():
            out.append(b"_\r\n" if protocol == 3 else b"*-1\r\n")
        case SetReply(members):
            out.append(b"%c%d\r\n" % (b"~" if protocol == 3 else b"*", len(members)))
            for part in members:
                _pack(part, protocol, out)
        case Mapping():
            out.append(b"%%%d\r\n" % len(reply) if protocol == 3 else b"*%d\r\n" % (2 * len(reply)))
            for name, value in reply.items():
                _pack(name, protocol, out)
                _pack(value, protocol, out)
        case Sequence():
            out.append(b"*%d\r\n" % len(reply))
            for part in reply:
                _pack(part, protocol, out)
        case _:
            raise TypeError(f"no reply of Redis: {reply!r}")
