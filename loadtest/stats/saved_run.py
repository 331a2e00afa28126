"""Runs as they were written to disk: found by folder or commit, and read with every fault named."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.figures.folder_kind import of_another_kind
from loadtest.stats.rows import AnyRow
from loadtest.workload.near_names import no_such
from loadtest.workload.schema import SCHEMA, is_newer, of_another

_COMMIT = re.compile(r"[0-9a-f]{7,40}")


class BadRun(ValueError):
    """A run that cannot be read; the text names the file and the field."""


class NoSummary(BadRun):
    """A run that ended before it had any figures."""


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run directory, as it was written."""

    name: str
    rows: Sequence[AnyRow]
    environment: Mapping[str, Any] = field(default_factory=dict)
    scenario: Mapping[str, Any] = field(default_factory=dict)

    @property
    def strategies(self) -> list[str]:
        return list(dict.fromkeys(row["strategy"] for row in self.rows))

    @property
    def references(self) -> set[str]:
        """The references among the strategies, which are compared only by name; schema 1 calls them bounds."""
        return {row["strategy"] for row in self.rows if row.get("is_reference", row.get("is_bound"))}

    def no_strategy(self, name: str) -> str:
        """The message that the run has no strategy of that name."""
        return f"in {self.name} {no_such('strategy', name, self.strategies, 'summary.json has all')}"

    @property
    def commit(self) -> str:
        return str(self.environment.get("commit", "unknown"))


def need_folder(folder: Path, hint: str = "") -> None:
    """Raises `BadRun` where the run directory does not exist, or is of another kind; `hint` ends the message."""
    if not folder.is_dir():
        raise BadRun(f"{folder}: there is no such run directory{hint}")
    if other := of_another_kind(folder):
        raise BadRun(f"{folder}: is {other}")


def read_run(folder: Path) -> SavedRun:
    """The run in a folder. Raises `NoSummary` where it did not come to its end, `BadRun` for a damaged file."""
    need_folder(folder)
    summary = folder / "summary.json"
    if not summary.exists():
        raise NoSummary(f"{summary}: there is no such file; the run has no figures")
    rows = _rows(summary)
    beside = [
        _json(folder / name) if (folder / name).exists() else {} for name in ("environment.json", "scenario.json")
    ]
    for name, table in zip(("environment.json", "scenario.json"), beside, strict=True):
        if not isinstance(table, dict):
            raise BadRun(f"{folder / name}: must be an object")
    schema = beside[1].pop("schema", None)  # a form, which is no difference between two workloads
    if is_newer(schema):
        raise BadRun(f"{folder / 'scenario.json'}: {of_another(schema, '')}")
    return SavedRun(str(folder), rows, *beside)


def _rows(summary: Path) -> list[AnyRow]:
    """The rows of summary.json, each with what theory predicts of its strategy."""
    stated = _json(summary)
    if isinstance(stated, list):  # of schema 1
        stated = {"runs": stated}
    elif isinstance(stated, dict) and (schema := stated.get("schema", SCHEMA)) != SCHEMA:
        raise BadRun(f"{summary}: {of_another(schema, ': run it again')}")
    rows, predictions = (stated.get(name) for name in ("runs", "predictions")) if isinstance(stated, dict) else (0, 0)
    if not isinstance(rows, list) or not rows:
        raise NoSummary(f"{summary}: runs: must be a list of rows, and not empty")
    for number, row in enumerate(rows):
        where = f"{summary}: row {number}"
        if not isinstance(row, dict) or not isinstance(row.get("strategy"), str):
            raise BadRun(f"{where}: strategy must be there, and a text")
        for name in ("seed", "repeat"):
            if not isinstance(row.get(name, 1), int):
                raise BadRun(f"{where} ({row['strategy']}): {name} must be a whole number")
        if not isinstance(row.get("valid", True), bool):
            raise BadRun(f"{where} ({row['strategy']}): valid must be true or false")
        if isinstance(predictions, dict) and isinstance(predicted := predictions.get(row["strategy"]), dict):
            row["predicted"] = predicted
    return rows


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_finite, parse_float=_finite)
    except (OSError, ValueError) as error:
        raise BadRun(f"{path}: {error}") from None


def _finite(number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"{number} is no figure")
    return value


def find_run(text: str, results: Path) -> tuple[SavedRun, str | None]:
    """The run that `directory`, `directory:strategy`, `commit` or `commit:strategy` names, and the strategy.

    A commit is 7 to 40 hexadecimal digits; of its runs in `results` the newest is taken. Raises `BadRun`.
    """
    name, _, strategy = (
        (text, "", "") if Path(text).exists() else text.rpartition(":") if ":" in text else (text, "", "")
    )
    folder = Path(name)
    if not folder.exists() and _COMMIT.fullmatch(name):
        folder = _newest_of_commit(name, results)
    if folder.is_symlink():
        folder = _led_to(folder)
    need_folder(folder, ", and it is no commit (7 to 40 hexadecimal digits)")
    run = read_run(folder)
    if strategy and strategy not in run.strategies:
        raise BadRun(run.no_strategy(strategy))
    return run, strategy or None


def _led_to(link: Path) -> Path:
    """The folder that a link such as `latest` leads to now: tomorrow it leads to another run."""
    folder = link.resolve()
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _newest_of_commit(commit: str, results: Path) -> Path:
    found = []
    for path in results.glob("*/environment.json"):
        if path.parent.is_symlink() or not path.with_name("summary.json").exists():
            continue
        about = _json(path)
        made_of, _, dirty = str(about.get("commit", "") if isinstance(about, dict) else "").partition(" ")
        # both may be cut short
        if len(made_of) >= 7 and (made_of.startswith(commit) or commit.startswith(made_of)):
            found.append((not dirty, str(about.get("started_at", "")), path.parent.name, path.parent))
    if not found:
        raise BadRun(f"{commit}: no run of that commit in {results}")
    return max(found)[-1]
