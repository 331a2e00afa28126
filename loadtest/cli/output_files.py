"""Output files that a user names: a file of the lab's own is replaced, any other stays."""

import re
from pathlib import Path

from loadtest.cli.terminal import console, shown, warn
from loadtest.figures.whole_file import write_whole

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
        return "it is there, and no file"
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
