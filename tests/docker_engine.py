"""What there is of Docker on this machine, for tests that need it: each answer is what is missing, or nothing."""

import shutil
import subprocess
from functools import cache


@cache
def compose_missing() -> str:
    """Compose alone reads and checks files; it needs no engine for that."""
    if shutil.which("docker") is None:
        return "there is no `docker` command here"
    version = _ask("docker", "compose", "version", "--short").removeprefix("v")
    if not version:
        return "`docker compose` does not answer here: the Compose plugin is not installed"
    return "" if int(version.split(".")[0]) >= 2 else f"Compose {version} is too old, 2 or newer is needed"


@cache
def engine_missing() -> str:
    if compose_missing():
        return compose_missing()
    return "" if _ask("docker", "version", "--format", "{{.Server.Version}}") else "no Docker engine answers here"


@cache
def image_missing(image: str) -> str:
    """Whether `image` is here without asking a registry for it."""
    if engine_missing():
        return engine_missing()
    return "" if _ask("docker", "image", "inspect", "--format", "{{.Id}}", image) else f"the image {image} is not here"


def _ask(*command: str) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
