"""Whether a strategy can remember anything from one request to the next, judged by its code.

A strategy that counts its requests, or looks at a list of its module, answers by more than the entry and the time. The
judgement is of what the code could do, whatever it is called, and in doubt it is no.
"""

import builtins
import dis
import math
from abc import ABCMeta
from asyncio import timeout
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from app.entry import Entry, Loaded, LoadReason, Lookup, Status
from app.mechanism import Mechanism, MechanismKind
from app.parameters import Parameter
from app.strategy import CacheAway, OriginFailed, PeerAway, Shed, Strategy

_BUILTINS = [abs, bool, float, int, len, max, min, range, round, str, sum, super]
_ERRORS = [Exception, ValueError, TypeError, TimeoutError, CacheAway, OriginFailed, PeerAway, Shed]
_ENUMS = (Status, LoadReason, MechanismKind)
_KNOWN = [math, Entry, Loaded, Lookup, Mechanism, Strategy, *_ENUMS, *_ERRORS, *_BUILTINS, timeout]
"""The globals by which code reaches nothing but its arguments: no clock, no randomness, no state."""
_NUMBERS_AND_WORDS = frozenset({int, bool, float, str, bytes, type(None), Parameter, *_ENUMS})
"""The types of values that stay as they are; what extends one may do anything where it is added or compared."""
_KEEPS = frozenset({"STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})
_REACHES = frozenset({"IMPORT_NAME", "MATCH_CLASS", "MATCH_MAPPING", "MATCH_SEQUENCE"})
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})
_OF_EVERY_CLASS = frozenset(
    {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"}
    | {"__annotations__", "__annotate_func__", "__annotations_cache__", "__parameters__", "__orig_bases__"}
    | {"__firstlineno__", "__static_attributes__"}
)
"""The names that Python itself puts into a class."""


def is_stateless(strategy: type[Strategy]) -> bool:
    """Whether every instance answers by its parameters, its `Lab` and its arguments alone, now and later."""
    return _Judgement().of_class(strategy)


class _Judgement:
    """One judgement; what it has met already is not looked at again, so that code that calls itself has an end."""

    def __init__(self) -> None:
        self._met: list[Any] = []

    def of_class(self, strategy: type) -> bool:
        if type(strategy) is not ABCMeta:
            return False
        self._met.append(strategy)
        own = [cls for cls in strategy.__mro__ if cls not in Strategy.__mro__]
        return all(
            name in _OF_EVERY_CLASS or (not _is_special(name) and self._of(value))
            for cls in own
            for name, value in vars(cls).items()
        )

    def _of(self, value: Any) -> bool:
        """Whether a value that code can reach stays as it is, and leads to nothing else."""
        if type(value) in _NUMBERS_AND_WORDS or any(value is known for known in (*_KNOWN, *self._met)):
            return True
        if type(value) in (staticmethod, classmethod):
            return self._of(value.__func__)
        if type(value) is property:
            return self._of((value.fget, value.fset, value.fdel))
        if type(value) in (tuple, frozenset):
            return all(map(self._of, value))
        if isinstance(value, type):
            return issubclass(value, Strategy) and self.of_class(value)
        return isinstance(value, FunctionType) and self._of_function(value)

    def _of_function(self, function: FunctionType) -> bool:
        self._met.append(function)
        given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        enclosed = tuple(cell.cell_contents for cell in function.__closure__ or ())
        return self._of((*given, *enclosed)) and all(
            self._of_instruction(one, function.__globals__) for one in _instructions(function.__code__)
        )

    def _of_instruction(self, one: dis.Instruction, known: dict[str, Any]) -> bool:
        name = one.argval
        if one.opname in _GLOBALS:
            return self._of(known[name] if name in known else getattr(builtins, name, known))
        if one.opname in _ATTRIBUTES:
            return name != "params" and not _is_special(name)  # a dict, and ways to everything
        return one.opname not in _KEEPS | _REACHES


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _instructions(code: CodeType) -> Iterator[dis.Instruction]:
    """The instructions of a function and of those within it."""
    yield from dis.get_instructions(code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)
