"""The base of all tables of a scenario file."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from app.input_faults import InputFault, input_faults
from app.stated_table import StatedTable
from loadtest.workload.near_names import LISTED_MAX, did_you_mean


class Table(StatedTable):
    """A table of a scenario."""


def faults_of(error: ValidationError, whole: str, table: type[BaseModel]) -> list[str]:
    """The faults of a `table` that was refused, each as `field.within: why`; `whole` names the table itself.

    Unknown fields come first, because one of them may be a missing one that is misspelt. What is missing is one fault.
    """
    kinds = [one["type"] for one in error.errors(include_url=False)]
    told = list(zip(kinds, input_faults(error), strict=True))
    unknown = [f"{fault.dotted}: {_no_field(fault, table)}" for kind, fault in told if kind == "extra_forbidden"]
    others = [
        f"{fault.dotted or whole}: {fault.reason}" for kind, fault in told if kind not in {"extra_forbidden", "missing"}
    ]
    missing = ", ".join(fault.dotted for kind, fault in told if kind == "missing")
    return [*unknown, *others, *([f"{missing}: must be stated"] if missing else [])]


def _no_field(fault: InputFault, table: type[BaseModel]) -> str:
    known = list(dict.fromkeys(name for one in _tables_at(fault.place[:-1], table) for name in one.model_fields))
    near = did_you_mean(str(fault.place[-1]), known)
    few = f"there is {', '.join(known)}" if 0 < len(known) <= LISTED_MAX else ""
    return "; ".join(filter(None, ("there is no such field", near or few)))


def _tables_at(place: tuple[int | str, ...], table: type[BaseModel]) -> list[type[BaseModel]]:
    """The tables that may stand at a place of a table; of several kinds the one that the place names."""
    tables = [table]
    for part in place:
        if fields := [one.model_fields[part].annotation for one in tables if part in one.model_fields]:
            tables = [found for annotation in fields for found in _tables_in(annotation)]
        else:  # a number or a key of a list of tables, or the kind of one
            tables = [one for one in tables if part in _kinds(one)] or tables
    return tables


def _tables_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables_in(inner)


def _kinds(table: type[BaseModel]) -> Iterator[object]:
    """The values of fields that tell the kind of a table, and its name, which pydantic puts there else."""
    yield table.__name__
    for field in table.model_fields.values():
        if get_origin(field.annotation) is Literal:
            yield from get_args(field.annotation)
