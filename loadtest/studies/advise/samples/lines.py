"""The lines of a sample, plain or gzipped, one at a time: a file of any length needs the memory of a line."""

import gzip
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LINE_BYTES_MAX = 65_536
"""The longest line that is read as one; a longer one is malformed, and its rest is skipped."""
_GZIP = b"\x1f\x8b"


class BadSample(ValueError):
    """A sample that says nothing; the message names the file and the line, and quotes nothing of either."""


def lines_of(path: Path) -> Iterator[bytes | None]:
    """The lines without their ends, None for one that is too long. Raises `BadSample`."""
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise BadSample(f"{path}: is a directory" if stat.S_ISDIR(mode) else f"{path}: is no regular file")
        with path.open("rb") as file:
            if file.peek(2)[:2] == _GZIP:
                with gzip.open(file) as unpacked:
                    yield from _split(unpacked)
            else:
                yield from _split(file)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise BadSample(f"{path}: its compressed data is damaged or ends too early") from None
    except OSError as error:
        raise BadSample(f"{path}: {error.strerror or error}") from None


def _split(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes | None]:
    while line := file.readline(LINE_BYTES_MAX):
        if line.endswith(b"\n") or len(line) < LINE_BYTES_MAX:
            yield line.rstrip(b"\r\n")
            continue
        while (rest := file.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
            pass
        yield None


class LineFaults:
    """The lines of a sample that are no lines of its kind: how many, and the first of them."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        self.lines = self.malformed = 0
        self.first: int | None = None

    def line(self) -> None:
        """Count a line."""
        self.lines += 1

    def fault(self) -> None:
        """Count the last line as malformed."""
        self.malformed += 1
        if self.first is None:
            self.first = self.lines

    def check(self) -> None:
        """Accept the sample. Raises `BadSample` where more than half of its lines are malformed."""
        if not self.lines:
            raise BadSample(f"{self._path}: is empty")
        if 2 * self.malformed > self.lines:
            raise BadSample(
                f"{self._path}: {self.malformed:,} of {self.lines:,} lines are no {self._kind}; "
                f"the first of them is line {self.first}"
            )
