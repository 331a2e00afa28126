"""Scenarios as TOML files."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadtest import ROOT
from loadtest.workload.scenario import OWN, Scenario
from loadtest.workload.schema import SCHEMA

SCHEMA_FILE = OWN / "scenario.schema.json"
"""The JSON schema of scenario files, which editors read; `lab reference` writes it."""


def as_toml(scenario: Scenario, folder: Path | None = None) -> str:
    """The scenario as TOML, without its defaults; reading it gives the same scenario.

    A file in a folder of the checkout begins with the line by which an editor finds the schema from there.
    """
    stated = {"schema": SCHEMA} | scenario.model_dump(exclude_defaults=True, exclude_none=True)
    return _schema_line(folder) + "\n".join(_table("", stated)) + "\n"


def _schema_line(folder: Path | None) -> str:
    if folder is None or not (here := folder.resolve()).is_relative_to(ROOT):
        return ""
    return f"#:schema {Path(os.path.relpath(SCHEMA_FILE, here)).as_posix()}\n"


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
