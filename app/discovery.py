"""Finds the strategies: every module of `app/strategies/` whose name does not begin with an underscore."""

import importlib
import inspect
import keyword
import pkgutil
import re
from dataclasses import dataclass, field

import app.strategies
from app.strategy import Strategy

# Names that are routes of the service itself.
RESERVED = frozenset({"strategies", "settings", "healthz", "readyz", "metrics", "ledger", "docs", "redoc"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(slots=True)
class Discovered:
    """Strategies by name, the baseline first, and what could not be used, by name with the reason."""

    strategies: dict[str, type[Strategy]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def baseline(self) -> str | None:
        return next((name for name, found in self.strategies.items() if found.is_baseline), None)


def discover() -> Discovered:
    """One broken file is reported by name and takes nobody else down."""
    strategies, broken = {}, {}
    for module in pkgutil.iter_modules(app.strategies.__path__):
        if module.name.startswith("_"):
            continue
        try:
            strategies[module.name] = _load(module.name)
        except (Exception, SystemExit) as error:
            broken[module.name] = f"{type(error).__name__}: {error}"
    ordered = sorted(strategies.items(), key=lambda item: (not item[1].is_baseline, item[0]))
    return Discovered(dict(ordered), broken)


def check_name(name: str) -> None:
    """Raises ValueError unless a strategy's file may be called that."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ValueError(f"{name!r}: a strategy's name is a letter, then letters, digits and _, lower case, 40 at most")
    if name in RESERVED:
        raise ValueError(f"{name!r}: /{name} is a route of the service itself")


def _load(name: str) -> type[Strategy]:
    check_name(name)
    path = f"{app.strategies.__name__}.{name}"
    module = importlib.import_module(path)
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Strategy) and value.__module__ == path
    ]
    if len(found) != 1:
        raise ValueError(f"one Strategy per file, not {len(found)}")
    if inspect.isabstract(found[0]):
        raise TypeError(f"{found[0].__name__} does not define get_or_load")
    found[0].tuned({})  # the defaults keep their own bounds
    return found[0]
