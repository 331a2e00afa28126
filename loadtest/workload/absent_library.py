"""A library that a contender's file imports and that is not installed, where it lies beside the file or here."""

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from app.contender_files import stated_files


def why_absent(name: str, file: str, install: str) -> str:
    """The message that contender `name` of that file needs what is not installed.

    `install` would install it from an index. A module beside the file, or in the current folder, is named instead:
    what an index has under its name may be a stranger's.
    """
    for module, place in _lying_there(file):
        folder = "." if place.resolve() == Path.cwd() else str(place)
        if any((place / made).is_file() for made in ("pyproject.toml", "setup.py")):
            install = f"{sys.executable} -m pip install -e {folder}"
            return f"{name} needs {module}, which lies in {place}: {install}, or set PYTHONPATH={folder}"
        return f"{name} needs {module}, which lies in {place} and is not on the path: set PYTHONPATH={folder}"
    return f"{name} needs what is not installed: {install}"


def _lying_there(file: str) -> Iterator[tuple[str, Path]]:
    """The modules that the file imports, that are not on the path, and the folder in which each lies."""
    for path in stated_files():
        if path.stem != file:
            continue
        folders = dict.fromkeys((Path.cwd(), path.parent, Path.cwd() / "src", path.parent / "src"))
        for module in _imports(path):
            if PathFinder.find_spec(module) is None:
                yield from ((module, folder) for folder in folders if _has(folder, module))


def _has(folder: Path, module: str) -> bool:
    return (folder / f"{module}.py").is_file() or (folder / module / "__init__.py").is_file()


def _imports(path: Path) -> list[str]:
    """The top-level names of the modules that a file imports; none where it is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= dict.fromkeys(one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found[node.module.partition(".")[0]] = None
    return list(found)
