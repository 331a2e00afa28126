"""Names of containers as `make ps` shows them: `app-1`, where the host name is 0f1e2d3c4b5a.

Compose passes a replica no number, but Docker's DNS knows it: a reverse look-up of its address gives
`<project>-app-1.<project>_default`.
"""

import secrets
import socket
import struct
from pathlib import Path

RESOLVER = "127.0.0.11"
"""The address of Docker's DNS in containers of a user-defined network; no other server is ever asked."""
WITHIN_S = 0.5
"""How long one try waits for the answer."""
TRIES = 2
REPLICAS_MAX = 64
"""Replicas of a service that are named; further ones are left out."""
_PTR, _INTERNET, _RECURSE = 12, 1, 0x0100
_POINTER = 0xC0
_NAME_BYTES_MAX = 255


def pod_name(resolv_conf: Path = Path("/etc/resolv.conf"), resolver: tuple[str, int] = (RESOLVER, 53)) -> str:
    """The pod's name as `make ps` shows it; the host name where Docker's DNS gives none within a second."""
    host = socket.gethostname()
    try:
        return _known_as(socket.gethostbyname(host), resolv_conf, resolver) or host
    except OSError:  # not even its own address
        return host


def replicas(service: str) -> dict[str, str]:
    """Replicas of a service of the stack: their names by address, which stands in for a name that is not known.

    Raises OSError where there is no such service.
    """
    _, _, addresses = socket.gethostbyname_ex(service)
    return {address: _known_as(address) or address for address in addresses[:REPLICAS_MAX]}


def _known_as(
    address: str, resolv_conf: Path = Path("/etc/resolv.conf"), resolver: tuple[str, int] = (RESOLVER, 53)
) -> str:
    """The container's name at an address; empty where Docker's DNS is not there or knows none."""
    try:
        if f"nameserver {RESOLVER}" not in resolv_conf.read_text():
            return ""
        return short(_name_of(address, resolver))
    except (OSError, ValueError, IndexError, struct.error):
        return ""


def short(full: str) -> str:
    """`app-1` of `stampede-1a2b3c-app-1.stampede-1a2b3c_default`: without its network and its project."""
    container, _, network = full.partition(".")
    return container.removeprefix(f"{network.rpartition('_')[0]}-")


def _name_of(address: str, resolver: tuple[str, int]) -> str:
    """The answer to a reverse look-up (RFC 1035), in one datagram. Raises OSError without one in time."""
    number = secrets.randbelow(1 << 16)
    labels = [*reversed(address.split(".")), "in-addr", "arpa"]
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    question = name + struct.pack(">HH", _PTR, _INTERNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(WITHIN_S)
        asking.connect(resolver)
        for _ in range(TRIES):
            asking.send(struct.pack(">6H", number, _RECURSE, 1, 0, 0, 0) + question)
            try:
                answer = asking.recv(4096)
            except TimeoutError:
                continue
            if answer[:2] == number.to_bytes(2, "big"):
                return _first_pointer(answer, 12 + len(question))
    raise OSError(f"no name for {address}")


def _first_pointer(answer: bytes, place: int) -> str:
    """The name in the first record of a DNS answer, behind its question. Raises OSError or ValueError without one."""
    answers = struct.unpack(">H", answer[6:8])[0]
    if not answers:
        raise OSError("it has no name")
    _, place = _read_name(answer, place)
    kind, _, _, _ = struct.unpack(">HHIH", answer[place : place + 10])
    if kind != _PTR:
        raise ValueError("the answer is about something else")
    return _read_name(answer, place + 10)[0]


def _read_name(answer: bytes, place: int) -> tuple[str, int]:
    """A name in a DNS answer, and the place behind it. Pointers must lead back, so that every name ends."""
    labels: list[str] = []
    behind, size = 0, 0
    while length := answer[place]:
        if length >= _POINTER:
            target = struct.unpack(">H", answer[place : place + 2])[0] & 0x3FFF
            behind = behind or place + 2
            if target >= place:
                raise ValueError("a pointer that does not lead back")
            place = target
            continue
        labels.append(answer[place + 1 : place + 1 + length].decode("ascii"))
        size += length + 1
        if size > _NAME_BYTES_MAX:
            raise ValueError("a name without an end")
        place += length + 1
    return ".".join(labels), behind or place + 1
