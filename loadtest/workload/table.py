"""The base of all tables of a scenario file."""

from pydantic import ValidationError

from app.input_faults import input_faults
from app.stated_table import StatedTable


class Table(StatedTable):
    """A table of a scenario."""


def faults_of(error: ValidationError, whole: str) -> list[str]:
    """The faults of a table that was refused, each as `field.within: why`; `whole` names the table itself."""
    return [f"{fault.dotted or whole}: {fault.reason}" for fault in input_faults(error)]
