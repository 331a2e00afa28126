"""The schema of the files that state a workload or hold a run: one number, which each of them says."""

from collections.abc import Mapping
from typing import Any

SCHEMA = 2
"""The schema that this lab writes and reads; a scenario's file or one of claims that states none is of this one."""
NEW_NAMES: Mapping[str, str] = {"tune": "params"}
"""New names of tables since schema 2, by their names in schema 1."""


def is_newer(schema: object) -> bool:
    """Whether a file that states this schema was written by a newer lab."""
    return isinstance(schema, int) and schema > SCHEMA


def of_another(schema: object, of_older: str) -> str:
    """The fault of a file that states this schema, which is not the lab's; `of_older` ends it unless it is newer."""
    said = f"schema: is {repr(schema)[:20]}, and this lab reads {SCHEMA}"
    return said + (": a newer lab wrote the file" if is_newer(schema) else of_older)


def without_schema(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a file without the schema that it states. Raises ValueError where that is another schema."""
    if (schema := table.get("schema", SCHEMA)) != SCHEMA:
        renamed = " and ".join(f"[{old}] is called [{new}]" for old, new in NEW_NAMES.items())
        raise ValueError(of_another(schema, f", in which {renamed}"))
    for old, new in NEW_NAMES.items():
        if old in table:
            raise ValueError(f"{old}: is called {new} since schema {SCHEMA}")
    return {name: value for name, value in table.items() if name != "schema"}
