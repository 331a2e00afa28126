"""The check of a user's own Locust file before it drives the stack: an import in a process that may fail and hang."""

import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

IMPORT_S_MAX = 20.0
_IMPORT = """
import sys
from locust.util.load_locustfile import load_locustfile
users, _ = load_locustfile(sys.argv[1])
if not users:
    sys.exit("it has no class of users (locust.User, HttpUser or FastHttpUser)")
if idle := [name for name, user in users.items() if not user.tasks]:
    sys.exit(f"{idle[0]} has no tasks")
print(sys.argv[2], flush=True)
"""


class BadLocustfile(ValueError):
    """A Locust file cannot be used; the text says why, and where."""


def check_locustfile(path: Path) -> None:
    """Check that the file can be imported and has users; its output is dropped. Raises `BadLocustfile`."""
    token = secrets.token_hex(8)
    command = [sys.executable, "-c", _IMPORT, str(path), token]
    # files and no pipes: what the file starts would keep a pipe open
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+", errors="replace") as errors:
        code = _ended(path, command, said, errors)
        said.seek(0)
        errors.seek(0)
        printed, why = said.read(), errors.read()
    if code == 0 and token not in printed:
        raise BadLocustfile("its import ends the process")
    if code:
        *_, last = why.strip().splitlines() or [f"its import ended with {code}"]
        lines = re.findall(rf'File "{re.escape(str(path))}", line (\d+)', why)
        raise BadLocustfile(f"line {lines[-1]}: {last}" if lines else last)


def _ended(path: Path, command: list[str], said: IO[str], errors: IO[str]) -> int:
    """The exit code of the import. Raises `BadLocustfile` where it does not end."""
    try:
        path.open("rb").close()
        return subprocess.run(command, stdout=said, stderr=errors, timeout=IMPORT_S_MAX, check=False).returncode
    except FileNotFoundError:
        raise BadLocustfile("there is no such file") from None
    except OSError as error:
        raise BadLocustfile(f"{error.strerror}: the load is a user of its own, who must be able to read it") from None
    except subprocess.TimeoutExpired:
        raise BadLocustfile(f"its import does not end within {IMPORT_S_MAX:g} s") from None
