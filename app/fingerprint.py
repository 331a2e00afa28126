"""The fingerprint of a pod's code, eight hex digits: an edit shows in the metrics, and pods can be told apart."""

import hashlib
from pathlib import Path

DIGITS = 8


def fingerprint(folder: Path = Path(__file__).parent) -> str:
    """The fingerprint of the names and texts of all Python files below the folder, as they are now.

    A pod takes it once, at its start. Compiled files (`__pycache__`) and editors' hidden files do not count. Raises
    OSError.
    """
    hashed = hashlib.sha256()
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            text = path.read_bytes()
            hashed.update(f"{name.as_posix()}\0{len(text)}\0".encode() + text)
    return hashed.hexdigest()[:DIGITS]
