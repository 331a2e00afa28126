"""The base of all tables of a scenario file."""

from pydantic import ValidationError

from app.stated_table import StatedTable


class Table(StatedTable):
    """A table of a scenario."""


def faults_of(error: ValidationError, whole: str) -> list[str]:
    """The faults of a table that was refused, each as `field.within: why`; `whole` names the table itself."""
    return [f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['msg']}" for fault in error.errors()]
