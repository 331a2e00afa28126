"""Text files as editors and exports leave them, whatever byte order mark they begin with."""

import codecs
import stat
from pathlib import Path


def text_of(path: Path, bytes_max: int) -> str:
    """The whole text of a file. Raises OSError, and ValueError that says what is wrong with the file."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):  # of a pipe or a device there would be no end
        raise ValueError("is a directory" if stat.S_ISDIR(mode) else "is no regular file")
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise ValueError(f"is larger than {bytes_max:,} bytes")
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # PowerShell's `>`
    try:
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is no text in UTF-8: byte {error.start} cannot be read") from None
    if "\0" in text:
        raise ValueError("is no text: it has NUL bytes in it")
    return text
