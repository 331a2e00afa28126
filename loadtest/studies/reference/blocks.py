"""The generated blocks of the reference pages: scenario fields, columns and variables."""

import inspect
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.settings import Settings, as_variable
from loadtest import ROOT
from loadtest.report.columns import COLUMNS
from loadtest.report.markdown_table import markdown_table
from loadtest.studies.reference.field_words import field_words
from loadtest.workload.scenario import Scenario
from loadtest.workload.schema import SCHEMA

_BOUNDS = (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below"))


def scenario_fields() -> str:
    """Every table of a scenario file, with its fields: type, bounds, default and meaning."""
    lines: list[str] = []
    for model in _models(Scenario):
        lines += [f"### {_name(model)}", "", _says(model), "", *_fields(model), ""]
    return "\n".join(lines)


def columns() -> str:
    """Every column of a report."""
    told = [(one.name, f"`{one.field}`" if one.field else "", one.unit, one.words) for one in COLUMNS]
    return "\n".join(markdown_table(("column", "field", "unit", "meaning"), told))


def variables() -> str:
    """Every environment variable of a pod."""
    words = field_words(Settings)
    told = [
        (f"`LAB_{name.upper()}`", _bounds(one), _of_pod(one), words.get(name, ""))
        for name, one in Settings.model_fields.items()
    ]
    return "\n".join(markdown_table(("variable", "bounds", "default", "meaning"), told))


def _of_pod(one: FieldInfo) -> str:
    return "the machine's" if one.default_factory else default_in_words(one.default, as_variable)


def scenario_schema() -> dict[str, Any]:
    """The JSON schema of scenario files, with the words of every field: for editors."""
    schema = Scenario.model_json_schema()
    schema["properties"]["schema"] = {"const": SCHEMA, "description": "The schema of the file."}
    schema["required"] = [name for name in schema["required"] if name != "name"]
    for model in _models(Scenario):
        table = schema if model is Scenario else schema["$defs"].get(model.__name__, {})
        for name, words in field_words(model).items():
            if name in table.get("properties", {}):
                table["properties"][name]["description"] = words
    return schema


def _models(model: type[BaseModel], seen: set[type] | None = None) -> Iterator[type[BaseModel]]:
    """The model and those in its fields, each once, outer ones first."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    yield model
    for one in model.model_fields.values():
        for inner in _within(one.annotation):
            yield from _models(inner, seen)


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _within(inner)


def _name(model: type[BaseModel]) -> str:
    """The name of a table: its kind in a file, where it is one of several, else that of the class."""
    kind = model.model_fields.get("kind")
    kinds = typing.get_args(kind.annotation) if kind else ()
    return str(kinds[0]) if len(kinds) == 1 else model.__name__.removesuffix("Table")


def _says(model: type[BaseModel]) -> str:
    return " ".join(inspect.cleandoc(model.__doc__ or "").split("\n\n", maxsplit=1)[0].split())


def _fields(model: type[BaseModel]) -> list[str]:
    words = field_words(model)
    told = []
    for name, one in model.model_fields.items():
        is_files = model is Scenario and name == "name"
        default = "the file's" if is_files else default_in_words(one.get_default(call_default_factory=True))
        told.append((f"`{name}`", _kind(one.annotation), _bounds(one), default, words.get(name, "The kind of it.")))
    return markdown_table(("field", "type", "bounds", "default", "meaning"), told)


def _kind(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(annotation))
    if isinstance(annotation, type) and not typing.get_args(annotation):
        plain = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
        if issubclass(annotation, BaseModel):
            return f"[{_name(annotation)}](#{_name(annotation).lower()})"
        return plain.get(annotation.__name__, annotation.__name__)
    parts = [_kind(one) for one in typing.get_args(annotation) if one is not type(None) and not _is_mark(one)]
    if typing.get_origin(annotation) is list:
        return f"list of {', '.join(parts)}"
    return "table" if typing.get_origin(annotation) is dict else " or ".join(dict.fromkeys(parts))


def _is_mark(annotation: Any) -> bool:
    """Whether it is what stands behind the type in `Annotated`."""
    return not isinstance(annotation, type) and typing.get_origin(annotation) is None


def _bounds(one: FieldInfo) -> str:
    found = {name: getattr(mark, name) for mark in one.metadata for name, _ in _BOUNDS if hasattr(mark, name)}
    return " ".join(f"{word} {found[name]:,.10g}" for name, word in _BOUNDS if found.get(name) is not None)


def default_in_words(value: Any, form: Callable[[Any], str] = str) -> str:
    """A default as code; empty for None and what holds nothing."""
    if value is PydanticUndefined or value is ...:
        return "must be stated"
    if value is None or value in ("", [], {}, ()) or isinstance(value, BaseModel) or callable(value):
        return ""
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        value = value.relative_to(ROOT)  # the same in every checkout
    return f"`{form(value)}`"
