"""Output files that a user names: a file of the lab's own is replaced, any other stays."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from loadtest.cli.terminal import console, fail, shown, warn
from loadtest.figures.whole_file import write_whole
from loadtest.report.measured_block import NoMarkers, parts, written

LOOKED_AT_CHARS = 4_096


def why_not_over(path: Path, opening: str) -> str | None:
    """The reason not to write there; None for a free path, or a file that begins as the lab's own do.

    `opening` is a regular expression for the beginning of such a file. An empty file may be replaced.
    """
    if path.is_symlink():
        return "it is a link, and where it leads is not the lab's to replace"
    if not path.exists():
        return None
    if not path.is_file():
        return "it is a folder; name a file" if path.is_dir() else "it is there, and no regular file"
    with path.open(encoding="utf-8", errors="replace") as file:
        begins = file.read(LOOKED_AT_CHARS)
    if begins and re.match(opening, begins) is None:
        return "it is there, and nothing that this command has written"
    return None


def write_beside(path: Path, text: str, opening: str) -> None:
    """Writes a file that goes with a verdict; a failure is a warning, and the verdict stands.

    It replaces only a file that begins with `opening`, a regular expression.
    """
    try:
        if why := why_not_over(path, opening):
            raise OSError(why)
        write_whole(path, text)
    except OSError as error:
        warn([f"not written: {path}: {error.strerror or error}"])
    else:
        console.print(f"Written: {shown(path)}", soft_wrap=True, highlight=False, markup=False)


@contextmanager
def lines_of(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A file of one JSON object a line, each of which is there once it was kept, whatever comes after it."""
    with path.open("w", encoding="utf-8") as file:

        def keep(line: Mapping[str, Any]) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        yield keep


@dataclass(frozen=True, slots=True)
class MarkedPage:
    """A page with a place for a block that a command writes, see `loadtest.report.measured_block`."""

    path: Path
    block: str
    text: str

    @classmethod
    def read(cls, path: Path, block: str) -> Self:
        """The page there; exit 2 where it cannot be read, or has no place for that block."""
        try:
            text = path.read_text(encoding="utf-8")
            parts(text, block)
        except (NoMarkers, OSError) as error:
            fail(f"--page: {path}: {getattr(error, 'strerror', None) or error}")
        return cls(path, block, text)

    def write(self, body: str) -> None:
        """Write the page with that body in its block. Raises OSError."""
        write_whole(self.path, written(self.text, self.block, body).removesuffix("\n"))
        console.print(f"Written: {shown(self.path)}", soft_wrap=True, highlight=False, markup=False)
