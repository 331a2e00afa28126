"""Traces as samples: a CSV of `time_s,key`, with those columns named in a header, or as its first two.

Semicolons and tabs separate too; then a decimal comma is a point. A time is a number, or a moment as in ISO 8601.
"""

import csv
import datetime
import math
import re
from pathlib import Path

from loadtest.studies.advise.samples.access_log import picked
from loadtest.studies.advise.samples.gathering import Gathering
from loadtest.studies.advise.samples.lines import LineFaults, lines_of
from loadtest.studies.advise.samples.sample import TrafficSample, sample_of

KIND = "line of a trace (time_s,key)"
KEY_COLUMN = "key"
TIME_COLUMNS = {"time_s": 1.0, "time_ms": 1e-3}
"""The seconds that a unit of each column of times is long."""
SEPARATORS = (";", "\t", ",")


def read_key_trace(path: Path, key_pattern: re.Pattern[str] | None = None) -> TrafficSample:
    """The figures of a trace; its keys may be any text. Raises `BadSample`."""
    gathered, faults = Gathering(), LineFaults(path, KIND)
    time_at, key_at, unit_s, is_first, separator = 0, 1, 1.0, True, ","
    for line in lines_of(path):
        if line is not None and not line.strip():
            continue
        if is_first and line is not None:
            separator = next((one for one in SEPARATORS if one.encode() in line), ",")
        cells = [] if line is None else _cells(line, separator)
        if is_first:
            is_first = False
            named = next((name for name in TIME_COLUMNS if name in cells), None)
            if named is not None and KEY_COLUMN in cells:
                time_at, key_at, unit_s = cells.index(named), cells.index(KEY_COLUMN), TIME_COLUMNS[named]
            if len(cells) > 1 and not any(map(_is_time, cells)):
                continue  # a header
        faults.line()
        try:
            time_s, key = unit_s * _time_s(cells[time_at], separator), cells[key_at]
            if not math.isfinite(time_s) or not key:
                raise ValueError
        except (ValueError, IndexError):
            faults.fault()
            continue
        chosen = picked(key.encode("utf-8", "surrogateescape"), key_pattern)
        if chosen is None:
            gathered.left_out += 1
        else:
            gathered.request(time_s, chosen)
    return sample_of(path, "trace", gathered, faults, {})


def _time_s(text: str, separator: str) -> float:
    """The number, or the seconds of the moment. Raises ValueError."""
    if separator != ",":
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text).timestamp()


def _is_time(text: str) -> bool:
    try:
        return math.isfinite(_time_s(text, ";"))
    except ValueError:
        return False


def _cells(line: bytes, separator: str) -> list[str]:
    text = line.decode("utf-8-sig", "surrogateescape")
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=separator), [])]
    except csv.Error:
        return []
