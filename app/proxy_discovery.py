"""Discovery of proxies: each class of a file of `app/proxies/` is a strategy, named by file and setting."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

import app.proxies
from app.alarm import TookTooLong
from app.contender_names import file_of
from app.file_imports import fault_of, files_of, import_file
from app.proxy import Proxy
from app.strategy_groups import CONTENDERS


@dataclass(slots=True)
class FoundProxies:
    """The proxies whose program is installed, and the files of the others, each with the reason."""

    strategies: dict[str, type[Proxy]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """The command that installs what a file needs, by the file's name."""
    broken: dict[str, str] = field(default_factory=dict)


def find_proxies(only: str = CONTENDERS) -> FoundProxies:
    """The proxies of `app/proxies/`, by name; a broken file is reported, and harms no other.

    `only` has the names of those that are looked for, by comma; with the word of the group that is every one.
    """
    found, words = FoundProxies(), {*only.split(",")}
    files = {file_of(word) for word in words}
    for info in files_of(app.proxies):
        if info.name not in files and CONTENDERS not in words:
            continue
        try:
            proxies = {proxy.name: proxy for proxy in _proxies_of(import_file(info, app.proxies))}
            if not proxies:
                raise ValueError("it has no Proxy")
            absent = next((proxy for proxy in proxies.values() if proxy.found() is None), None)
        except TookTooLong as late:
            found.broken[info.name] = f"its import does not end: {late}"
        except (Exception, SystemExit) as error:
            found.broken[info.name] = fault_of(error, info)
        else:
            if absent is None:
                found.strategies |= proxies
            else:
                found.missing[info.name] = absent.install
    return found


def _proxies_of(module: ModuleType) -> Iterator[type[Proxy]]:
    for value in vars(module).values():
        if inspect.isclass(value) and issubclass(value, Proxy) and value.__module__ == module.__name__:
            if inspect.isabstract(value):
                raise TypeError(f"{value.__name__} does not define all that a Proxy states")
            yield value
