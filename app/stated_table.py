"""The base of every table that somebody states: in a scenario, a setting, or an order to a control."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class StatedTable(BaseModel):
    """A table of stated values: frozen, without unknown fields, infinite numbers, or truth values for numbers.

    Pydantic alone would take `true` for the number 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, stated: Any) -> Any:
        for name, value in stated.items() if isinstance(stated, dict) else ():
            field = str(cls.model_fields[name].annotation) if name in cls.model_fields else "bool"
            if "bool" not in field and _has_truth_value(value, into_tables=_is_of_numbers(field)):
                raise ValueError(f"{name} must be no true or false")
        return stated


def _is_of_numbers(field: str) -> bool:
    """Whether a field of that type is a table of numbers; one of tables, or of anything, looks after itself."""
    return field.startswith("dict[") and "float" in field


def _has_truth_value(value: object, into_tables: bool) -> bool:
    if isinstance(value, dict) and into_tables:  # a table with fields of its own looks after them itself
        return any(_has_truth_value(one, into_tables) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_has_truth_value(one, into_tables) for one in value)
    return isinstance(value, bool)
