"""A file that is written whole, or left as it was."""

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write the text and a line's end, all of it or nothing. Raises OSError."""
    half = path.with_name(f".{path.name}.half")
    try:
        half.write_text(text + "\n", encoding="utf-8")
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
