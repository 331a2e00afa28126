"""The names of contenders and of their libraries, as their files state them: nothing is imported for it."""

import ast
import pkgutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import app.contenders
import app.proxies
import app.strategies
from app.contender_files import outside_files, stated_files
from app.file_imports import files_of


def contender_modules() -> Iterator[pkgutil.ModuleInfo]:
    """The files of contenders; one that has the name of a strategy stands aside for it.

    One from outside the lab takes the place of the lab's own of that name: it is nearer to the library.
    """
    strategies = {info.name for info in files_of(app.strategies)}
    by_name = {info.name: info for info in (*files_of(app.contenders), *outside_files())}
    return (info for info in by_name.values() if info.name not in strategies)


def file_of(name: str) -> str | None:
    """The file of the contender that has, or would have, the name; None for any other."""
    infos = (*contender_modules(), *files_of(app.proxies))
    files = [info.name for info in infos if name == info.name or name.startswith(f"{info.name}_")]
    return max(files, key=len, default=None)


def place_of(file: str) -> str:
    """The path of a file of contenders, as messages name it."""
    outside = (path for path in stated_files() if path.stem == file)
    return next((str(path) for path in outside), f"app/{'proxies' if is_proxy(file) else 'contenders'}/{file}.py")


def is_proxy(file: str) -> bool:
    """Whether that file is one of `app/proxies/`, whose contenders are programs and no libraries."""
    return any(info.name == file for info in files_of(app.proxies))


def contender_names() -> list[str]:
    """The names of all contenders, by what their classes state; whether they can be imported is not known."""
    return [name for info in contender_modules() for name in _names_in(info)]


def libraries() -> list[str]:
    """The distributions that the files of contenders state, installed or not."""
    return sorted({library for info in contender_modules() for library in libraries_of(info)})


def libraries_of(info: pkgutil.ModuleInfo) -> list[str]:
    """The distributions that a file states; none where it cannot be read as Python."""
    stated = (_stated(one, "library") for one in _classes(info))
    return list(dict.fromkeys(library for library in stated if library))


def version_of(library: str) -> str:
    """The version of the distribution that is installed; empty where there is none."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _names_in(info: pkgutil.ModuleInfo) -> list[str]:
    """The names of a file's classes that define `get`, or extend one of the file that does."""
    settings: dict[str, str | None] = {}
    whole = set[str]()
    for one in _classes(info):
        bases = [base.id for base in one.bases if isinstance(base, ast.Name)]
        inherited = next((settings[base] for base in bases if base in settings), None)
        own = _stated(one, "setting")
        settings[one.name] = inherited if own is None else own
        gets = any(isinstance(part, ast.AsyncFunctionDef) and part.name == "get" for part in one.body)
        if gets or whole & {*bases}:
            whole.add(one.name)
    found = ("_".join(filter(None, (info.name, settings[name]))) for name in settings if name in whole)
    return list(dict.fromkeys(found))


def _classes(info: pkgutil.ModuleInfo) -> list[ast.ClassDef]:
    folder = Path(getattr(info.module_finder, "path", ""))
    path = folder / info.name / "__init__.py" if info.ispkg else folder / f"{info.name}.py"
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    return [one for one in module.body if isinstance(one, ast.ClassDef)]


def _stated(one: ast.ClassDef, name: str) -> str | None:
    """The text that the class gives an attribute; None where it gives it none."""
    for part in one.body:
        if isinstance(part, ast.Assign):
            targets, value = part.targets, part.value
        elif isinstance(part, ast.AnnAssign):
            targets, value = [part.target], part.value or ast.Constant(None)
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    return None
