"""The runs of a sweep as the columns of a Parquet file."""

from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from app.strategy import LoadReason, Status
from loadtest.figures.run_summary import RunSummary
from loadtest.studies.sweep.runs import SweepRun
from loadtest.worlds.world import WorldFailed

_TYPES: dict[Any, str] = {str: "string", int: "int64", float: "float64", bool: "bool"}
_TYPES |= {float | None: "float64", int | None: "int64"}


def need_parquet() -> Any:
    """The modules of pyarrow. Raises `WorldFailed` where it is not installed, so call it before the work begins."""
    try:
        return import_module("pyarrow")
    except ModuleNotFoundError:
        raise WorldFailed("Parquet needs pyarrow: pip install 'stampede-lab[sweep]'") from None


def columns(runs: Sequence[SweepRun]) -> dict[str, tuple[str, list[Any]]]:
    """The columns by name, each a type and a value per run.

    They are the settings, figures, statuses, reads by reason, and the labels of the run. A setting that is another
    strategy's is null.
    """
    names = dict.fromkeys(name for run in runs for name in run.settings)
    found = {name: _setting([run.settings.get(name) for run in runs]) for name in names}
    for field in fields(RunSummary):
        kind = _TYPES.get(field.type)  # None for a field that holds a table
        if kind is not None and field.name not in found:
            found[field.name] = kind, [getattr(run.row, field.name) for run in runs]
    for status in Status:
        found[f"status_{status}"] = "int64", [run.row.statuses.get(status, 0) for run in runs]
    for why in LoadReason:
        found[f"reads_{why}"] = "int64", [run.row.reads_by_reason.get(why, 0) for run in runs]
    found["incidents"] = "string", ["; ".join(run.row.incidents) for run in runs]
    found["notes"] = "string", ["; ".join(run.row.notes) for run in runs]
    found["cpu_s"] = "float64", [run.cpu_s for run in runs]
    found["commit"] = "string", [run.commit for run in runs]
    return found


def _setting(values: list[Any]) -> tuple[str, list[Any]]:
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, float}:
        return ("int64" if kinds == {int} else "float64"), values
    if kinds == {bool}:
        return "bool", values
    return "string", [None if value is None else str(value) for value in values]


def write_parquet(path: Path, runs: Sequence[SweepRun]) -> None:
    """Writes a row per run, the whole file or none. Raises `WorldFailed` and OSError."""
    arrow = need_parquet()
    found = columns(runs)
    schema = arrow.schema([(name, kind) for name, (kind, _) in found.items()])
    table = arrow.table({name: values for name, (_, values) in found.items()}, schema=schema)
    half = path.with_name(f".{path.name}.half")
    import_module("pyarrow.parquet").write_table(table, half)
    half.replace(path)
