"""Functions of the standard library, replaced for a while wherever a library has got hold of them.

A library calls `time.monotonic()`, has imported the name, or made it the default of a parameter. All three are found.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any

NEVER = frozenset({"loadtest", "benchmarks", "tests", "time_machine"})
"""Packages that keep the real functions: the lab measures itself."""


class _Place:
    """A place that may hold a function: an attribute of a module, or the defaults of a function."""

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name
        self._before: Any = None

    def put(self, replacements: "Replacements") -> None:
        """Put the replacements in."""
        self._before = getattr(self._owner, self._name)
        setattr(self._owner, self._name, _replaced(self._before, replacements))

    def restore(self) -> None:
        setattr(self._owner, self._name, self._before)


class Swaps:
    """The replacement of some functions, which can be put in and taken out again and again."""

    def __init__(self, replacements: "Replacements") -> None:
        self._replacements = dict(replacements)
        self._reals = {instead: real for real, instead in self._replacements.items()}
        self._places: list[_Place] = []
        self._modules: frozenset[str] = frozenset()

    def put_in(self) -> None:
        """Replace the functions in every module that is imported by now."""
        self._modules = frozenset(sys.modules)
        self._places = [*_places(frozenset(self._replacements), len(self._modules))]
        for place in self._places:
            place.put(self._replacements)

    def take_out(self) -> None:
        """Have the real functions back, also in modules that were imported meanwhile."""
        places, self._places = self._places, []
        for place in reversed(places):
            place.restore()
        if len(sys.modules) > len(self._modules):
            for name in {*sys.modules} - self._modules:
                for place in _held_by(sys.modules[name], frozenset(self._reals)):
                    place.put(self._reals)


Replacements = Mapping[Callable[..., Any], Callable[..., Any]]
"""Functions by those in whose place they are put."""
PLACES_KEPT = 8
"""Sets of places that are kept, so that a run need not look through every module again."""


@lru_cache(maxsize=PLACES_KEPT)
def _places(wanted: frozenset[Callable[..., Any]], modules: int) -> tuple[_Place, ...]:
    """The places that hold one of these functions; modules are counted so that new ones are looked through."""
    found: list[_Place] = []
    for name, module in tuple(sys.modules.items()):
        root = name.partition(".")[0]
        if root in sys.stdlib_module_names:
            # its own copies keep threads and processes going: only `time.monotonic` itself and its like are replaced
            found += (_Place(module, one.__name__) for one in wanted if _home(one) == name)
        elif root not in NEVER:
            found += _held_by(module, wanted)
    return tuple(found)


def _home(function: Callable[..., Any]) -> str:
    return {"posix": "os", "nt": "os"}.get(function.__module__, function.__module__)


def _held_by(module: object, wanted: frozenset[Callable[..., Any]]) -> Iterator[_Place]:
    if not isinstance(module, ModuleType):
        return
    for name, value in tuple(vars(module).items()):
        if _is_in(value, wanted):
            yield _Place(module, name)
        elif isinstance(value, FunctionType) and value.__module__ == module.__name__:
            yield from _defaults(value, wanted)
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for held in tuple(vars(value).values()):
                method = getattr(held, "__func__", held)
                if isinstance(method, FunctionType):
                    yield from _defaults(method, wanted)


def _defaults(function: FunctionType, wanted: frozenset[Callable[..., Any]]) -> Iterator[_Place]:
    if any(_is_in(one, wanted) for one in function.__defaults__ or ()):
        yield _Place(function, "__defaults__")
    if any(_is_in(one, wanted) for one in (function.__kwdefaults__ or {}).values()):
        yield _Place(function, "__kwdefaults__")


def _is_in(value: Any, wanted: frozenset[Callable[..., Any]]) -> bool:
    return any(value is one for one in wanted)


def _replaced(real: Any, replacements: Replacements) -> Any:
    if isinstance(real, tuple):
        return tuple(_replaced(one, replacements) for one in real)
    if isinstance(real, dict):
        return {name: _replaced(one, replacements) for name, one in real.items()}
    return next((instead for function, instead in replacements.items() if function is real), real)
