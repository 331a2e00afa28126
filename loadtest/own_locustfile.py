"""Whether a Locust file of somebody's own can drive the stack: it is imported in a process that may fail and hang."""

import re
import subprocess
import sys
from pathlib import Path

IMPORT_S_MAX = 20.0
_IMPORT = """
import sys
from locust.util.load_locustfile import load_locustfile
users, _ = load_locustfile(sys.argv[1])
sys.exit(None if users else "it has no class of users (locust.User, HttpUser or FastHttpUser)")
"""


class BadLocustfile(ValueError):
    """The text says what is wrong with the file, and where."""


def check_locustfile(path: Path) -> None:
    """Raises `BadLocustfile`. What it prints at its import is nobody's."""
    command = [sys.executable, "-c", _IMPORT, str(path)]
    try:
        path.open("rb").close()
        ended = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_S_MAX, check=False)
    except FileNotFoundError:
        raise BadLocustfile("there is no such file") from None
    except OSError as error:
        raise BadLocustfile(f"{error.strerror}: the load is a user of its own, who must be able to read it") from None
    except subprocess.TimeoutExpired:
        raise BadLocustfile(f"its import does not end within {IMPORT_S_MAX:g} s") from None
    if ended.returncode:
        *_, last = ended.stderr.strip().splitlines() or [f"its import ended with {ended.returncode}"]
        lines = re.findall(rf'File "{re.escape(str(path))}", line (\d+)', ended.stderr)
        raise BadLocustfile(f"line {lines[-1]}: {last}" if lines else last)
