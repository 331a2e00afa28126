"""A page of the docs that carries the table of steps between two markers, which Markdown does not show."""

from pathlib import Path

BEGIN, END = "<!-- measured: steps -->\n", "<!-- end: steps -->"


class NoPlace(ValueError):
    """A page without a place for the table; the text names the page and the markers."""


def with_table(page: str, table: str) -> str:
    """The text of a page with this table in the place of the one between its markers. Raises `NoPlace`."""
    before, found_begin, rest = page.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not (found_begin and found_end):
        raise NoPlace(f"has no place between {BEGIN.strip()} and {END}")
    return f"{before}{BEGIN}\n{table.rstrip()}\n\n{END}{after}"


def read_page(path: Path) -> str:
    """The text of a page that has a place for the table. Raises `NoPlace` and OSError."""
    page = path.read_text(encoding="utf-8")
    with_table(page, "")
    return page
