"""Traces as samples: a CSV of `time_s,key`, with those columns named in a header, or as its first two."""

import csv
import math
import re
from pathlib import Path

from loadtest.studies.advise.samples.access_log import picked
from loadtest.studies.advise.samples.gathering import Gathering
from loadtest.studies.advise.samples.lines import LineFaults, lines_of
from loadtest.studies.advise.samples.sample import TrafficSample, sample_of

KIND = "line of a trace (time_s,key)"
TIME_COLUMN, KEY_COLUMN = "time_s", "key"


def read_key_trace(path: Path, key_pattern: re.Pattern[str] | None = None) -> TrafficSample:
    """The figures of a trace; its keys may be any text. Raises `BadSample`."""
    gathered, faults = Gathering(), LineFaults(path, KIND)
    time_at, key_at, is_first = 0, 1, True
    for line in lines_of(path):
        if line is not None and not line.strip():
            continue
        cells = [] if line is None else _cells(line)
        if is_first:
            is_first = False
            if TIME_COLUMN in cells and KEY_COLUMN in cells:
                time_at, key_at = cells.index(TIME_COLUMN), cells.index(KEY_COLUMN)
                continue
        faults.line()
        try:
            time_s, key = float(cells[time_at]), cells[key_at]
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


def _cells(line: bytes) -> list[str]:
    text = line.decode("utf-8-sig", "surrogateescape")
    try:
        return [cell.strip() for cell in next(csv.reader([text]), [])]
    except csv.Error:
        return []
