"""The output of `redis-cli MONITOR` as a sample: reads, TTLs and clients; values and passwords are passed over.

A line is `1339518083.107412 [0 127.0.0.1:60866] "get" "key"`, with a `+` before it where it was taken off a socket.
MONITOR slows Redis down, so that a sample is short.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from loadtest.studies.advise.samples.access_log import picked
from loadtest.studies.advise.samples.gathering import Gathering
from loadtest.studies.advise.samples.lines import LineFaults, lines_of
from loadtest.studies.advise.samples.sample import TrafficSample, sample_of

KIND = "line of MONITOR"
_HEAD = re.compile(rb'\+?(\d{9,11}\.\d{1,6}) \[\d+ (\S*)\] "([A-Za-z|.-]{1,40})"')
_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
_READS_ONE = frozenset({"get", "getex", "hgetall"})
_MS = {b"ex": 1000, b"px": 1}


def read_monitor(path: Path, key_pattern: re.Pattern[str] | None = None) -> TrafficSample:
    """The figures of a sample of MONITOR. Raises `BadSample`."""
    gathered, faults = Gathering(), LineFaults(path, KIND)
    for line in lines_of(path):
        if line is not None and line in (b"", b"OK", b"+OK"):
            continue
        faults.line()
        head = None if line is None else _HEAD.match(line)
        if line is None or head is None:
            faults.fault()
            continue
        name, rest = head[3].decode().lower(), line[head.end() :]
        keys = [key for raw in _reads(name, rest) if (key := picked(_plain(raw), key_pattern)) is not None]
        for key in keys:
            gathered.request(float(head[1]), key)
        if keys and (address := _address(head[2])) is not None:
            gathered.client(address)
        ttl_ms = None if keys else _ttl_ms(name, rest, key_pattern)
        if ttl_ms is not None and ttl_ms > 0:
            gathered.ttls_ms.add(ttl_ms)
        if not keys and ttl_ms is None:
            gathered.left_out += 1
    return sample_of(path, "MONITOR", gathered, faults, {"pods": True})


def _reads(name: str, rest: bytes) -> Iterator[bytes]:
    """The keys that a command reads, as they stand."""
    if name == "mget":
        yield from _ARGUMENT.findall(rest)
    elif name in _READS_ONE and (found := _ARGUMENT.search(rest)):
        yield found[1]


def _address(text: bytes) -> bytes | None:
    """The address of a client without its port; None for a script or a socket of the same machine."""
    host, colon, port = text.rpartition(b":")
    return host if colon and port.isdigit() else None


def _ttl_ms(name: str, rest: bytes, pattern: re.Pattern[str] | None) -> int | None:
    """The TTL that a command sets, ms; None where it sets none, or takes a lock (NX)."""
    if name not in {"set", "setex", "psetex", "expire", "pexpire"}:
        return None
    arguments = [one[1] for one in _ARGUMENT.finditer(rest)]
    if len(arguments) < 2 or picked(_plain(arguments[0]), pattern) is None:
        return None
    stated: bytes | None
    if name == "set":
        options = [one.lower() for one in arguments[2:]]
        unit = next((one for one in options if one in _MS), None)
        if unit is None or b"nx" in options or options[-1] == unit:
            return None
        stated, times = options[options.index(unit) + 1], _MS[unit]
    else:
        stated, times = arguments[1], 1 if name.startswith("p") else 1000
    return int(stated) * times if stated.isdigit() and len(stated) < 15 else None


def _plain(raw: bytes) -> bytes:
    """The key behind the escapes with which MONITOR prints it."""
    if b"\\" not in raw:
        return raw

    def one(match: re.Match[bytes]) -> bytes:
        said = match[1]
        return bytes([int(said[1:], 16)]) if len(said) == 3 else _LETTERS.get(said, said)

    return _ESCAPED.sub(one, raw)
