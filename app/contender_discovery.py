"""Discovery of contenders: each class of a file of `app/contenders/` is a strategy, named by file and setting."""

import inspect
import keyword
import pkgutil
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import app.contenders
import app.proxies
import app.strategies
from app.alarm import TookTooLong
from app.contender import Contender
from app.contender_files import outside_files, stated_files, why_not_stated
from app.contender_strategy import ContenderStrategy, strategy_of
from app.file_imports import fault_of, files_of, import_file
from app.mechanism import Mechanism
from app.strategy_groups import CONTENDERS

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LIBRARY = re.compile(r'^\s+library(?:: [^=\n]+)? = "([A-Za-z0-9._-]+)"', re.MULTILINE)


@dataclass(slots=True)
class Contenders:
    """The contenders whose library is installed, and the files of the others, each with the reason."""

    strategies: dict[str, type[ContenderStrategy]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """The command that installs what a file needs, by the file's name."""
    broken: dict[str, str] = field(default_factory=dict)


def find_contenders(only: str = CONTENDERS) -> Contenders:
    """The contenders of `app/contenders/` and of `app.contender_files`, by name. A broken file harms no other.

    `only` has the names of those whose files are imported, by comma; with the word of their group that is every one.
    """
    found, words = Contenders(), {*only.split(",")}
    found.broken = {path.stem: why for path in stated_files() if (why := why_not_stated(path))}
    files = {file_of(word) for word in words}
    for info in _files():
        if info.name not in files and CONTENDERS not in words:
            continue
        try:
            for contender in _contenders_of(import_file(info, app.contenders)):
                name = "_".join(filter(None, (info.name, contender.setting)))
                if name in found.strategies:
                    raise ValueError(f"two of its classes have the setting {contender.setting!r}")
                found.strategies[name] = _checked(name, contender)
        except ModuleNotFoundError as error:
            if (error.name or "app").partition(".")[0] == "app":
                found.broken[info.name] = fault_of(error, info)
            else:
                found.missing[info.name] = _install(info, str(error.name))
        except TookTooLong as late:
            found.broken[info.name] = f"its import does not end: {late}"
        except (Exception, SystemExit) as error:
            found.broken[info.name] = fault_of(error, info)
    for file in found.broken:
        found.strategies = {name: one for name, one in found.strategies.items() if file_of(name) != file}
    return found


def file_of(name: str) -> str | None:
    """The file of the contender that has, or would have, the name; None for any other. Nothing is imported for it."""
    infos = (*_files(), *files_of(app.proxies))
    files = [info.name for info in infos if name == info.name or name.startswith(f"{info.name}_")]
    return max(files, key=len, default=None)


def check_file_name(name: str) -> None:
    """Raise ValueError unless a file of contenders may have that name; the text says what is allowed."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ValueError(f"{name!r}: a contender's name has letters, digits and _, lower case, 40 at most")
    if name in {info.name for info in files_of(app.strategies)}:
        raise ValueError(f"{name!r}: a strategy has that name (app/strategies/)")
    if is_proxy(name):
        raise ValueError(f"{name!r}: a proxy has that name (app/proxies/)")


def libraries() -> list[str]:
    """The distributions that the files of contenders state, installed or not; nothing is imported for it."""
    stated = (_LIBRARY.findall(_path(info).read_text(errors="replace")) for info in _files())
    return sorted({library for found in stated for library in found})


def is_proxy(file: str) -> bool:
    """Whether that file is one of `app/proxies/`, whose contenders are programs and no libraries."""
    return any(info.name == file for info in files_of(app.proxies))


def version_of(library: str) -> str:
    """The version of the distribution that is installed; empty where there is none."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def place_of(file: str) -> str:
    """The path of a file of contenders, as messages name it."""
    outside = (path for path in stated_files() if path.stem == file)
    return next((str(path) for path in outside), f"app/{'proxies' if is_proxy(file) else 'contenders'}/{file}.py")


def _files() -> Iterator[pkgutil.ModuleInfo]:
    """The files of contenders; one that has the name of a strategy stands aside for it.

    One from outside the lab takes the place of the lab's own of that name: it is nearer to the library.
    """
    strategies = {info.name for info in files_of(app.strategies)}
    by_name = {info.name: info for info in (*files_of(app.contenders), *outside_files())}
    return (info for info in by_name.values() if info.name not in strategies)


def _contenders_of(module: ModuleType) -> list[type[Contender]]:
    """The contenders that the module defines and that are whole. Raises ValueError where there is none."""
    classes = dict.fromkeys(one for one in vars(module).values() if _is_contender_of(module, one))
    whole: list[type[Contender]] = [one for one in classes if not inspect.isabstract(one)]
    if not whole:
        names = ", ".join(one.__name__ for one in classes)
        raise ValueError(f"{names} does not define get" if names else "it has no Contender")
    return whole


def _is_contender_of(module: ModuleType, value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Contender) and value.__module__ == module.__name__


def _checked(name: str, contender: type[Contender]) -> type[ContenderStrategy]:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r}: a contender's name has letters, digits and _, lower case, 40 at most")
    if not contender.library:
        raise TypeError(f"{contender.__name__} does not state its library")
    made = strategy_of(name, contender)
    mechanism = made.stated(1.0, {}).mechanism()  # raises when a default is out of its own bounds
    assert isinstance(mechanism, Mechanism)
    return made


def _install(info: pkgutil.ModuleInfo, module: str) -> str:
    """The command that installs the library which the file states; the module that is missing where it states none."""
    stated = _LIBRARY.search(_path(info).read_text(errors="replace"))
    library = module.partition(".")[0] if stated is None else stated[1]
    pip = Path(sys.prefix) / "bin" / "pip"
    shown = pip.relative_to(Path.cwd()) if pip.is_relative_to(Path.cwd()) else pip
    return f"{shown} install {library}"


def _path(info: pkgutil.ModuleInfo) -> Path:
    folder = Path(getattr(info.module_finder, "path", ""))
    return folder / info.name / "__init__.py" if info.ispkg else folder / f"{info.name}.py"
