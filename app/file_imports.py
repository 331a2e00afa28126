"""The import of the files of a folder that users write, one by one: a broken one is reported, and harms no other."""

import importlib
import pkgutil
import traceback
from collections.abc import Iterator
from types import ModuleType

from app.alarm import within

IMPORT_S_MAX = 5.0
"""The longest that the import of a file may take; beyond it the file is reported as broken."""


def files_of(package: ModuleType) -> Iterator[pkgutil.ModuleInfo]:
    """Every module of the folder whose name does not begin with an underscore, and every folder in it."""
    return (info for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_"))


def import_file(info: pkgutil.ModuleInfo, package: ModuleType) -> ModuleType:
    """The module of the file. Raises `TookTooLong`, ValueError for a folder, and whatever the file raises."""
    if info.ispkg:
        raise ValueError("it is a folder; a strategy is one file")
    with within(IMPORT_S_MAX, _folder(info)):
        return importlib.import_module(f"{package.__name__}.{info.name}")


def fault_of(error: BaseException, info: pkgutil.ModuleInfo) -> str:
    """The error in one line, with the line of the file that raised as ` (line N)` where the error does not state it."""
    return f"{type(error).__name__}: {error}{_place(error, info)}"


def _place(error: BaseException, info: pkgutil.ModuleInfo) -> str:
    if isinstance(error, SyntaxError):
        return ""
    folder = _folder(info)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(folder)]
    return f" (line {frames[-1].lineno})" if folder and frames else ""


def _folder(info: pkgutil.ModuleInfo) -> str:
    return str(getattr(info.module_finder, "path", ""))
