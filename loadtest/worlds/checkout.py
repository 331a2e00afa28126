"""The commit of the code that runs."""

import os
import subprocess
from pathlib import Path


def commit() -> str:
    """The checkout's commit, marked as dirty if files were changed since; in a container, the image's commit."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "--short=10", "HEAD")
        return f"{commit} (dirty)" if _git(folder, "status", "--porcelain") else commit
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("LAB_COMMIT", "unknown")  # a container has no repository


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, timeout=10
    ).stdout.strip()
