"""Discovery of contenders: each class of a file of `app/contenders/` is a strategy, named by file and setting."""

import inspect
import keyword
import pkgutil
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import app.contenders
import app.strategies
from app.alarm import TookTooLong
from app.contender import Contender
from app.contender_files import stated_files, why_not_stated
from app.contender_names import contender_modules, file_of, is_proxy, libraries_of
from app.contender_strategy import ContenderStrategy, strategy_of
from app.file_imports import fault_of, files_of, import_file
from app.mechanism import Mechanism
from app.strategy_groups import CONTENDERS

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


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
    for info in contender_modules():
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


def check_file_name(name: str) -> None:
    """Raise ValueError unless a file of contenders may have that name; the text says what is allowed."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ValueError(f"{name!r}: a contender's name has letters, digits and _, lower case, 40 at most")
    if name in {info.name for info in files_of(app.strategies)}:
        raise ValueError(f"{name!r}: a strategy has that name (app/strategies/)")
    if is_proxy(name):
        raise ValueError(f"{name!r}: a proxy has that name (app/proxies/)")


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
    library = next(iter(libraries_of(info)), module.partition(".")[0])
    pip = Path(sys.prefix) / "bin" / "pip"
    shown = pip.relative_to(Path.cwd()) if pip.is_relative_to(Path.cwd()) else pip
    return f"{shown} install {library}"
