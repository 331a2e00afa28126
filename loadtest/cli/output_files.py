"""Files that a user names for what a command writes: a file of the lab's is written anew, anybody else's stays."""

import re
from pathlib import Path

from loadtest.cli.terminal import console, shown, warn
from loadtest.figures.run_folder import write_whole

LOOKED_AT_CHARS = 4_096


def why_not_over(path: Path, opening: str) -> str | None:
    """Why nothing may be written there; None where nothing lies there, or a file that begins as the lab's own do.

    `opening` is a regular expression for the beginning of such a file. An empty file is nobody's loss.
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
    """A file beside the verdict, which stands whether or not this can be written. It replaces only what begins so."""
    try:
        if why := why_not_over(path, opening):
            raise OSError(why)
        write_whole(path, text)
    except OSError as error:
        warn([f"not written: {path}: {error.strerror or error}"])
    else:
        console.print(f"Written: {shown(path)}", soft_wrap=True, highlight=False, markup=False)
