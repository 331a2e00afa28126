"""Files of contenders outside the lab, such as one in the repository of its library: named by path, never copied."""

import os
import pkgutil
from collections.abc import Iterable
from pathlib import Path

VARIABLE = "LAB_CONTENDER_FILES"
"""The variable with the absolute paths of such files, separated as those of PATH are. Every process of a run has it."""


def stated_files() -> list[Path]:
    """The paths that the variable states, whether or not there are such files."""
    return [Path(path) for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]


def why_not_stated(path: Path) -> str:
    """The reason why a stated file is none that can be imported in every process; empty where it can."""
    if not path.is_absolute():
        return f"{VARIABLE}: its path must be absolute"
    return "" if path.is_file() and path.suffix == ".py" else "there is no such Python file"


def state_files(paths: Iterable[Path]) -> None:
    """Have this process and those that it starts find contenders in these files too."""
    stated = dict.fromkeys((*stated_files(), *(path.absolute() for path in paths)))
    os.environ[VARIABLE] = os.pathsep.join(map(str, stated))


def outside_files() -> list[pkgutil.ModuleInfo]:
    """The stated files that are there, as modules of their folders."""
    found = []
    for path in stated_files():
        finder = pkgutil.get_importer(str(path.parent))
        if not why_not_stated(path) and finder is not None:
            found.append(pkgutil.ModuleInfo(finder, path.stem, False))
    return found
