"""The stack's files as values, and the commands that know them best."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.docker_engine import image_missing

ROOT = Path(__file__).parents[2]
Tree = dict[str, Any]
VARIABLE = re.compile(r"\$\{(\w+)[^}]*\}")


def read_yaml(name: str) -> Tree:
    tree = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    assert isinstance(tree, dict), f"{name} is no mapping"
    return tree


def read_env() -> dict[str, str]:
    lines = (ROOT / ".env").read_text(encoding="utf-8").splitlines()
    variables = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in variables}


def texts(tree: object) -> Iterator[str]:
    """Every text in a tree, keys too."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from texts(name)
            yield from texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from texts(value)
    elif isinstance(tree, str):
        yield tree


def fill_in(text: object, env: dict[str, str]) -> str:
    """`text` with the variables of `.env` in it, and where one is empty its default."""
    return VARIABLE.sub(lambda found: _value(found, env), str(text))


def _value(found: re.Match[str], env: dict[str, str]) -> str:
    _, has_default, default = found[0][2:-1].partition(":-")
    value = env.get(found[1], "" if has_default else found[0])
    return value or default


def environment_of(service: Tree) -> dict[str, str | None]:
    environment: dict[str, str | None] = service.get("environment") or {}
    return environment


def victoria_command(tool: str, image: str, file: Path) -> tuple[list[str], str] | str:
    """How to run a tool of VictoriaMetrics and the path by which it sees `file`; or why it cannot be run."""
    if binary := shutil.which(tool):
        return [binary], str(file)
    if missing := image_missing(image):
        return f"there is no `{tool}` command here, and {missing}"
    mount = f"{file.parent}:/checked:ro"
    run = ["docker", "run", "--rm", "--network", "none", "--read-only", "--volume", mount, image]
    return run, f"/checked/{file.name}"
