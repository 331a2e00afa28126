"""The runs that the docs are made of, kept beside them: pages are written again from these, without a run."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loadtest.figures.whole_file import write_whole
from loadtest.studies.pages.taken import Taken
from loadtest.workload.planned_run import PlannedRun

Records = Mapping[str, Taken]
"""The runs by their keys, see `key_of`."""
_NAME_CHARS = 16
_TOLD = ("scenario", "strategy", "seed", "requests", "valid")


def key_of(run: PlannedRun) -> str:
    """The key of a run: its strategy, its seed, and a hash of the whole scenario, so that a changed one is another."""
    stated = json.dumps(run.scenario.model_dump(mode="json"), sort_keys=True)
    return f"{run.strategy} {run.seed} {hashlib.sha256(stated.encode()).hexdigest()[:_NAME_CHARS]}"


def read_records(path: Path) -> dict[str, Taken]:
    """The runs that are kept there; none where there is no file. Raises ValueError naming the line that is broken."""
    if not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            stated: dict[str, Any] = json.loads(line)
            found[stated["run"]] = Taken(stated["figures"], stated["course"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: {error!r}") from None
    return found


def cut_down(taken: Taken, figure: str) -> Taken:
    """The part of a sweep's run that is kept: the one figure that is drawn, and what tells the run apart."""
    return Taken({name: taken.figures[name] for name in (*_TOLD, figure.partition(".")[0])}, {})


def write_records(path: Path, records: Records, keys: Iterable[str]) -> None:
    """Keeps the runs of these keys, a line each, in this order."""
    lines = [
        json.dumps({"run": key, "figures": records[key].figures, "course": records[key].course}, separators=(",", ":"))
        for key in dict.fromkeys(keys)
    ]
    write_whole(path, "\n".join(lines))
