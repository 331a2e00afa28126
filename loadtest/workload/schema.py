"""The schema of the files that state a workload: scenarios and claims."""

from collections.abc import Mapping
from typing import Any

SCHEMA = 2
"""The schema of scenario files and of the claims' files; a file that states none is of this one."""
NEW_NAMES: Mapping[str, str] = {"tune": "params"}
"""New names of tables since schema 2, by their names in schema 1."""


def without_schema(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a file without the schema that it states. Raises ValueError where that is another schema."""
    if (schema := table.get("schema", SCHEMA)) != SCHEMA:
        renamed = " and ".join(f"[{old}] is called [{new}]" for old, new in NEW_NAMES.items())
        raise ValueError(f"schema: is {repr(schema)[:20]}, and this lab reads {SCHEMA}, in which {renamed}")
    for old, new in NEW_NAMES.items():
        if old in table:
            raise ValueError(f"{old}: is called {new} since schema {SCHEMA}")
    return {name: value for name, value in table.items() if name != "schema"}
