"""The begin of a load, as its generator states it while it is still to come; faults are planned from there."""

import json
from pathlib import Path

from loadtest.figures.whole_file import write_whole

BEGAN = "began-"


def tell_begin(folder: Path, instance_id: str, start_s: float) -> None:
    """Write the moment at which the load begins, seconds since the epoch. Raises OSError."""
    write_whole(folder / f"{BEGAN}{instance_id}.json", json.dumps({"start_s": start_s}))


def read_begin(folder: Path) -> float | None:
    """The moment at which the load begins, seconds since the epoch; None where no generator has said it yet."""
    for path in sorted(folder.glob(f"{BEGAN}*.json")):
        return float(json.loads(path.read_text(encoding="utf-8"))["start_s"])
    return None
