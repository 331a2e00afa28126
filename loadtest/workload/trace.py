"""Recorded loads: CSV files with the columns `time_s` (seconds from the start) and `key`, replayed as they are.

A run's folder holds its own copy beside scenario.json, under a name that tells two traces apart by their content.
"""

import csv
import hashlib
import json
import math
import os
import re
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loadtest.workload.scenario import Scenario
from loadtest.workload.schema import SCHEMA
from loadtest.workload.text_file import text_of

BYTES_MAX = 1 << 30
_KEY = re.compile(r"\s*\+?\d{1,18}\s*", re.ASCII)


class BadTrace(ValueError):
    """A trace that cannot be replayed; the message names the file, the line and what is wrong with it."""


def read_trace(path: Path, keys: int, duration_s: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The times and keys of the trace before `duration_s`, in order of time. Raises `BadTrace`."""
    try:
        reader = csv.reader(text_of(path, BYTES_MAX).splitlines(keepends=True))
    except OSError as error:
        raise BadTrace(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise BadTrace(f"{path}: {error}") from None
    times: list[float] = []
    asked: list[int] = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        if missing := [name for name in ("time_s", "key") if name not in columns]:
            raise BadTrace(f"{path}: no column {missing[0]}; it must have the columns time_s and key")
        time_at, key_at = columns.index("time_s"), columns.index("key")
        for cells in filter(None, reader):
            time_s, key = _arrival(cells, time_at, key_at)
            if not (math.isfinite(time_s) and time_s >= 0 and 0 <= key < keys):
                raise ValueError(f"0 <= time_s, and 0 <= key < keys.count ({keys})")
            if time_s < duration_s:
                times.append(time_s)
                asked.append(key)
    except BadTrace:
        raise
    except (ValueError, csv.Error) as error:
        raise BadTrace(f"{path}, line {reader.line_num}: {error}") from None
    if not times:
        raise BadTrace(f"{path}: no request before duration_s ({duration_s:g})")
    order = np.argsort(np.array(times), kind="stable")
    return np.array(times)[order], np.array(asked, dtype=np.int64)[order]


def _arrival(cells: list[str], time_at: int, key_at: int) -> tuple[float, int]:
    """The time and the key of one line. Raises ValueError."""
    try:
        time_s, key = float(cells[time_at]), cells[key_at]
    except (ValueError, IndexError):
        key = ""
    if not _KEY.fullmatch(key):
        raise ValueError("time_s and key must be numbers, key a whole one")
    return time_s, int(key)


def bring_trace(run: Path, scenario: Scenario) -> None:
    """Copy the trace that the scenario replays into the run's folder. Raises OSError."""
    if scenario.load.trace is not None:
        path = Path(scenario.load.trace)
        with path.open("rb") as file:
            name = hashlib.file_digest(file, "sha256").hexdigest()[:12]
        shutil.copyfile(path, run / f"trace-{name}.csv")


def scenario_json(scenario: Scenario, folder: Path, run: Path) -> str:
    """The text of a scenario file in `folder` that can be read again; its trace is the run's copy, if there is one."""
    copy = next(run.glob("trace-*.csv"), None) if scenario.load.trace is not None else None
    if copy is not None:
        load = scenario.load.model_copy(update={"trace": os.path.relpath(copy, folder)})
        scenario = scenario.model_copy(update={"load": load})
    return json.dumps({"schema": SCHEMA} | scenario.model_dump(mode="json"), indent=2, ensure_ascii=False)
