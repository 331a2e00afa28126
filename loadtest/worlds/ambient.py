"""The environment variables that a run takes, passes on and records.

A run takes what its scenario and its options state. Children get an allow-list of variables and what the run states for
them. Whatever else a user may set is recorded with the run, and is part of its identity.
"""

import os
import sys
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit

from app.contender_files import VARIABLE as CONTENDER_FILES
from app.contender_files import stated_files
from app.redis_url import shown

PASSED = (CONTENDER_FILES, "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""The variables that every child gets, without which a program may not start or not write its own language.

Files of contenders are among them, because every process of a run imports those by name.

All others are left out: `LAB_*`, `LOCUST_*`, proxies, `PYTHON*`, allocators, `WEB_CONCURRENCY` and what the next
version of a library looks for.
"""
HONOURED = ("LAB_REDIS_URL", "LAB_REDIS_SERVER", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""The variables by which a user may change a run."""
_OWN_PREFIXES = ("PYTHON", "MALLOC_", "GLIBC_PARAMETERS", "LD_PRELOAD", "DYLD_INSERT", "OMP_", "OPENBLAS_", "MKL_")
"""The prefixes of variables that act on this process, which simulates, collects and computes; no child gets them."""
_HARMLESS = frozenset({"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"})
DIGEST_CHARS = 12
_SECRET = ("pass", "user", "secret", "token", "key")


def child_environment(stated: Mapping[str, str], home: str) -> dict[str, str]:
    """The environment of a child process; `home` is a folder without configuration files."""
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    return {**passed, "HOME": home, "PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1", **stated}


def ambient(is_virtual: bool = False) -> dict[str, str]:
    """The variables of the user that can move a figure, without secrets; virtual time needs no Redis."""
    honoured = () if is_virtual else HONOURED
    found = {name: os.environ[name] for name in honoured if os.environ.get(name)}
    for path in stated_files():
        digest = sha256(path.read_bytes()).hexdigest()[:DIGEST_CHARS] if path.is_file() else "missing"
        found[f"{CONTENDER_FILES} {path.name}"] = f"{path} {digest}"
    if url := found.get("LAB_REDIS_URL"):
        found["LAB_REDIS_URL"] = shown_url(url)
    for name, value in sorted(os.environ.items()):
        if name.startswith(_OWN_PREFIXES) and name not in _HARMLESS and value:
            found[name] = value
    if sys.flags.optimize:
        found["python -O"] = str(sys.flags.optimize)
    if nice := os.getpriority(os.PRIO_PROCESS, 0):
        found["nice"] = str(nice)
    if hasattr(os, "sched_getaffinity") and (usable := len(os.sched_getaffinity(0))) != os.cpu_count():
        found["usable cores"] = str(usable)
    return found


def shown_url(url: str) -> str:
    """The URL of a Redis as it may be shown: without user, password, or any option that sounds like one."""
    if shown(url) == "***" or shown(url).endswith("://***"):  # malformed: its password may end anywhere
        return shown(url)
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    options = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not any(word in name.lower() for word in _SECRET)
    ]
    return f"{parts.scheme}://{host}{parts.path}" + (f"?{urlencode(options)}" if options else "")
