"""The base of all tables of a scenario file."""

from app.stated_table import StatedTable


class Table(StatedTable):
    """A table of a scenario."""
