"""The import of the files of a folder that users write, one by one: a broken one is reported, and harms no other."""

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
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
    folder = _folder(info)
    with within(IMPORT_S_MAX, folder):
        name = f"{package.__name__}.{info.name}"
        if folder not in package.__path__:
            _load_outside(name, Path(folder) / f"{info.name}.py")
        return importlib.import_module(name)


def _load_outside(name: str, path: Path) -> None:
    """Have a file from outside the package as the module of that name, unless it is that already."""
    there = sys.modules.get(name)
    if there is not None and there.__file__ == str(path):
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


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
