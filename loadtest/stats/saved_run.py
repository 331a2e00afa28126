"""Runs as they were written to disk, and the figures of their rows by name.

A row is a JSON object, so that one from an older or a newer lab can be read too. Every number in it that is no label
is a figure.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.strategy import LoadReason, Status
from loadtest.figures.plain_text import quoted
from loadtest.figures.stampedes import KINDS

AnyRow = Mapping[str, Any]
"""A row of summary.json."""

LABELS = frozenset({
    "scenario", "strategy", "world", "seed", "pods", "loop", "duration_s", "target_rate", "repeat", "repeats",
    "repeats_with", "valid", "trace", "slow_ms",
})  # fmt: skip
"""The labels of a row; every other number in it is a figure."""
_COUNTED: Mapping[str, tuple[str, ...]] = {
    "statuses": tuple(Status),
    "reads_by_reason": tuple(LoadReason),
    "stampedes": tuple(f"{kind}.{figure}" for kind in KINDS for figure in ("count", "mean", "p99", "max")),
}
"""The entries that tables of a row may hold, whether or not this run has them."""
_COUNTS = frozenset({"statuses", "reads_by_reason", "wrong_answer_kinds"})
"""The tables of counts, in which an entry that is left out is 0."""
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

    @property
    def commit(self) -> str:
        return str(self.environment.get("commit", "unknown"))


def need_folder(folder: Path, hint: str = "") -> None:
    """Raises `BadRun` where the run directory does not exist; `hint` ends the message."""
    if not folder.is_dir():
        raise BadRun(f"{folder}: there is no such run directory{hint}")


def read_run(folder: Path) -> SavedRun:
    """The run in a folder. Raises `NoSummary` where it did not come to its end, `BadRun` for a damaged file."""
    need_folder(folder)
    summary = folder / "summary.json"
    if not summary.exists():
        raise NoSummary(f"{summary}: there is no such file; the run has no figures")
    stated = _json(summary)
    if isinstance(stated, list):  # of schema 1
        stated = {"runs": stated}
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
    beside = [
        _json(folder / name) if (folder / name).exists() else {} for name in ("environment.json", "scenario.json")
    ]
    for name, table in zip(("environment.json", "scenario.json"), beside, strict=True):
        if not isinstance(table, dict):
            raise BadRun(f"{folder / name}: must be an object")
    beside[1].pop("schema", None)  # a form, which is no difference between two workloads
    return SavedRun(str(folder), rows, *beside)


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
    need_folder(folder, ", and it is no commit (7 to 40 hexadecimal digits)")
    run = read_run(folder)
    if strategy and strategy not in run.strategies:
        raise BadRun(f"{text}: no strategy {strategy!r} in that run: name one of {', '.join(run.strategies)}")
    return run, strategy or None


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


def figure_names(rows: Iterable[AnyRow]) -> list[str]:
    """The names of all figures of these rows, with or without a value.

    A figure in a table of a row has a dotted name, as `statuses.hit` or `stampedes.hot.mean`.
    """
    names: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, Mapping) and name not in LABELS:
                names |= dict.fromkeys(f"{name}.{inner}" for inner in (*_COUNTED.get(name, ()), *_inner_names(value)))
            elif name not in LABELS and (value is None or _is_number(value)):
                names[name] = None
    return list(names)


def _inner_names(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from (f"{name}.{inner}" for inner in _inner_names(value))
        elif value is None or _is_number(value):
            yield name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def figure(row: AnyRow, name: str) -> float | None:
    """The figure of a row; None where the row lacks it. An entry that a table of counts lacks is 0."""
    table, *inner = name.split(".")
    value = row.get(table)
    for part in inner:
        if not isinstance(value, Mapping):
            return None
        value = value.get(part, 0 if table in _COUNTS else None)
    return float(value) if _is_number(value) else None  # type: ignore[arg-type]


def why_invalid(row: AnyRow) -> str:
    """The row's incidents, which say why it is no result; schema 1 calls them events."""
    incidents = row.get("incidents", row.get("events", ()))
    return "; ".join(quoted(str(incident)) for incident in incidents) or "no reason was recorded"


def sample(rows: Iterable[AnyRow], strategy: str, name: str) -> tuple[float, ...] | None:
    """The figure in every repeat of a strategy, in their order; None where one of them has no value."""
    own = sorted((row for row in rows if row["strategy"] == strategy), key=repeat_of)
    values = [figure(row, name) for row in own]
    return tuple(value for value in values if value is not None) if None not in values else None


def is_assumed(rows: Iterable[AnyRow], strategy: str, name: str) -> bool:
    """True where virtual time only assumes this figure in some repeat, so that no claim may rest on it."""
    return any(name in row.get("assumed", ()) for row in rows if row["strategy"] == strategy)


def repeat_of(row: AnyRow) -> tuple[int, int]:
    """The key that tells the repeats of a strategy apart."""
    return row.get("repeat", 1), row.get("seed", 0)


def same_seeds(a: Iterable[AnyRow], one: str, b: Iterable[AnyRow], other: str) -> bool:
    """True where both strategies ran in virtual time, with the same seeds."""
    left = sorted((repeat_of(row), row.get("world")) for row in a if row["strategy"] == one)
    right = sorted((repeat_of(row), row.get("world")) for row in b if row["strategy"] == other)
    return left == right and {world for _, world in left} == {"virtual"}


def same_arrivals(a: Iterable[AnyRow], one: str, b: Iterable[AnyRow], other: str) -> bool:
    """True where the repeats of both strategies form pairs: the same scenario with the same seeds, in any world."""
    left = sorted((repeat_of(row), row.get("scenario"), row.get("duration_s")) for row in a if row["strategy"] == one)
    right = sorted(
        (repeat_of(row), row.get("scenario"), row.get("duration_s")) for row in b if row["strategy"] == other
    )
    return left == right and all(seed for (_, seed), _, _ in left)
