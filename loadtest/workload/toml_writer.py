"""Scenarios as TOML files."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.workload.scenario import Scenario
from loadtest.workload.schema import SCHEMA


def as_toml(scenario: Scenario) -> str:
    """The scenario as TOML, without its defaults; reading it gives the same scenario."""
    stated = {"schema": SCHEMA} | scenario.model_dump(exclude_defaults=True, exclude_none=True)
    return "\n".join(_table("", stated)) + "\n"


def _table(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a table: its values, then the tables below, since what comes after a heading belongs to it."""
    for name, value in table.items():
        if not _is_nested(value):
            yield f"{name} = {json.dumps(value)}"  # JSON's numbers, words and strings are TOML's too
    for name, value in table.items():
        if not _is_nested(value):
            continue
        whole = f"{path}.{name}" if path else name
        for below in value if isinstance(value, list) else [value]:
            yield f"\n[[{whole}]]" if isinstance(value, list) else f"\n[{whole}]"
            yield from _table(whole, below)


def _is_nested(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and isinstance(next(iter(value), None), dict))
