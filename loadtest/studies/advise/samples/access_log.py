"""Access logs of nginx and Apache, common and combined, and logs of JSON lines, as samples.

What nginx adds behind the combined format is read where it names itself: `rt=0.350` or `request_time=0.350` in seconds,
and a word of `$upstream_cache_status`. A time counts as the origin's where that word says that the cache had no entry.
"""

import datetime
import json
import math
import re
from pathlib import Path
from typing import NamedTuple

from loadtest.studies.advise.samples.gathering import Gathering
from loadtest.studies.advise.samples.lines import LineFaults, lines_of
from loadtest.studies.advise.samples.sample import TrafficSample, sample_of

KIND = "line of an access log"
READ, UNCHANGED, ABSENT = 200, 304, 404
"""The statuses that count as reads of a key."""
MISSES = frozenset({"MISS", "EXPIRED"})
"""The words of `$upstream_cache_status` for a request that the origin was asked for."""
KEY_FIELDS = ("request_uri", "uri", "path", "url", "request")
TIME_FIELDS = ("time_iso8601", "@timestamp", "timestamp", "time", "msec", "ts")
METHOD_FIELDS = ("request_method", "method")
_LINE = re.compile(rb'\S+ \S+ .{0,256}?\[([^\]]{20,40})\] "((?:[^"\\]|\\.)*)" (\d{3}) (?:\d+|-)(.*)', re.DOTALL)
_STATUS = re.compile(rb"\b(MISS|EXPIRED|BYPASS|HIT|STALE|UPDATING|REVALIDATED)\b")
_TOOK = re.compile(rb'\b(?:rt|request_time)=["]?(\d+\.\d+)')
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BARE_SECONDS = re.compile(rb"(?<![^\s])(\d+\.\d{3})(?![^\s])")


class _Request(NamedTuple):
    """One line: a moment, and what was asked with which outcome."""

    time_s: float
    method: str
    key: bytes
    status: int
    origin_ms: float | None


class _Malformed(ValueError):
    """A line that is no line of an access log."""


def read_access_log(
    path: Path, key_pattern: re.Pattern[str] | None = None, key_field: str | None = None
) -> TrafficSample:
    """The figures of a log; path and query are the key, or the pattern's first group. Raises `BadSample`."""
    gathered, faults, clock = Gathering(), LineFaults(path, KIND), _Clock()
    for line in lines_of(path):
        if line is not None and not line.strip():
            continue
        faults.line()
        try:
            request = _request(line, clock, key_field)
        except (ValueError, TypeError, RecursionError):
            faults.fault()
            continue
        key = picked(request.key, key_pattern)
        if request.method != "GET" or request.status not in (READ, UNCHANGED, ABSENT) or key is None:
            gathered.left_out += 1
            continue
        gathered.request(request.time_s, key, is_absent=request.status == ABSENT)
        if request.origin_ms is not None:
            gathered.origin(request.origin_ms)
    return sample_of(path, "access log", gathered, faults, {"absent": True})


def picked(key: bytes, pattern: re.Pattern[str] | None) -> bytes | None:
    """The part of a key that the pattern's first group picks; None where it does not match."""
    if pattern is None:
        return key
    found = pattern.search(key.decode("utf-8", "surrogateescape"))
    group = found and found.group(1)
    return group.encode("utf-8", "surrogateescape") if group else None


class _Clock:
    """Reads the times of lines; one that a line shares with the line before is read once."""

    def __init__(self) -> None:
        self._text, self._time_s = b"", 0.0

    def of_log(self, text: bytes) -> float:
        if text != self._text:
            moment = datetime.datetime.strptime(text.decode("ascii"), "%d/%b/%Y:%H:%M:%S %z")
            self._text, self._time_s = text, moment.timestamp()
        return self._time_s

    @staticmethod
    def of_json(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise _Malformed
        try:
            time_s = float(value)
        except ValueError:
            time_s = datetime.datetime.fromisoformat(str(value)).timestamp()
        if not math.isfinite(time_s):
            raise _Malformed
        return time_s


def _request(line: bytes | None, clock: _Clock, key_field: str | None) -> _Request:
    """The request of a line. Raises ValueError, TypeError or RecursionError."""
    if line is None:
        raise _Malformed
    if line.startswith(b"{"):
        return _of_json(line, clock, key_field)
    match = _LINE.fullmatch(line)
    if match is None or key_field is not None:
        raise _Malformed
    moment, asked, status, tail = match.groups()
    words = asked.split(b" ")
    method = words[0].decode("ascii", "replace")
    if int(status) in (READ, UNCHANGED, ABSENT) and len(words) < 2:
        raise _Malformed
    return _Request(clock.of_log(moment), method, words[1] if len(words) > 1 else b"", int(status), _origin_ms(tail))


def _origin_ms(tail: bytes) -> float | None:
    """The time of a miss, where the end of a line tells both."""
    if b"MISS" not in tail and b"EXPIRED" not in tail:
        return None
    named = _STATUS.search(_QUOTED.sub(b" ", tail)) or re.search(rb'"(MISS|EXPIRED)"', tail)
    if named is None or named[1].decode() not in MISSES:
        return None
    took = _TOOK.search(tail) or _BARE_SECONDS.search(_QUOTED.sub(b" ", tail))
    return None if took is None else 1000 * float(took[1])


def _of_json(line: bytes, clock: _Clock, key_field: str | None) -> _Request:
    told = json.loads(line)
    if not isinstance(told, dict):
        raise _Malformed
    asked = _first(told, (key_field,) if key_field else KEY_FIELDS)
    method, status, time_s = _first(told, METHOD_FIELDS), told.get("status", READ), _first(told, TIME_FIELDS)
    if not isinstance(asked, str) or isinstance(status, bool):
        raise _Malformed
    words = asked.split(" ")
    if key_field is None and method is None and len(words) == 3:  # nginx's $request: GET /path HTTP/1.1
        method, asked = words[0], words[1]
    took, cache = told.get("request_time"), str(told.get("upstream_cache_status", "")).upper()
    origin_ms = 1000 * float(took) if took is not None and cache in MISSES else None
    key = asked.encode("utf-8", "surrogateescape")
    return _Request(clock.of_json(time_s), str(method or "GET").upper(), key, int(status), origin_ms)


def _first(told: dict[str, object], names: tuple[str, ...]) -> object:
    return next((told[name] for name in names if name in told), None)
