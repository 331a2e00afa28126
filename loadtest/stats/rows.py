"""The rows of summary.json, and their figures by name.

A row is a JSON object, so that one from an older or a newer lab can be read too. Every number in it that is no label
is a figure.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.strategy import LoadReason, Status
from loadtest.figures.net_acts import NET_ACTS
from loadtest.figures.plain_text import quoted
from loadtest.figures.run_summary import MAY_BE_NEVER, NEVER
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
    "nets": NET_ACTS,
    "stampedes": tuple(f"{kind}.{figure}" for kind in KINDS for figure in ("count", "mean", "p99", "max")),
}
"""The entries that tables of a row may hold, whether or not this run has them."""
_COUNTS = frozenset({"statuses", "reads_by_reason", "wrong_answer_kinds", "nets"})
"""The tables of counts, in which an entry that is left out is 0."""


def figure_names(rows: Iterable[AnyRow]) -> list[str]:
    """The names of all figures of these rows, with or without a value.

    A figure in a table of a row has a dotted name, as `statuses.hit` or `stampedes.hot.mean`.
    """
    names: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, Mapping) and name not in LABELS:
                names |= dict.fromkeys(f"{name}.{inner}" for inner in (*_COUNTED.get(name, ()), *_inner_names(value)))
            elif name not in LABELS and (value is None or _is_number(value) or name in MAY_BE_NEVER):
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
    """The figure of a row; None where the row lacks it. An entry that a table of counts lacks is 0.

    A time that says `NEVER` is infinite.
    """
    if name in MAY_BE_NEVER and row.get(name) == NEVER:
        return math.inf
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
