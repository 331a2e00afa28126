"""Parameters of strategies: declared as class attributes, inherited, and held to their bounds."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number or a word of a strategy that a run may set, with its bounds."""

    default: float | str
    description: str
    low: float = -math.inf
    high: float = math.inf
    choices: Sequence[str] = ()

    def check(self, value: object) -> float | str:
        """The value as a finite number, or as one of the words. Raises ValueError saying what is allowed."""
        if self.choices:
            if value not in self.choices:
                raise ValueError(f"must be one of {', '.join(self.choices)}, not {value!r}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            raise ValueError(f"must be a finite number from {self.low:g} to {self.high:g}, not {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(f"must be a number from {self.low:g} to {self.high:g}, not {value!r}")
        return float(value)


def parameter(
    default: float | str,
    description: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    choices: Sequence[str] = (),
) -> Any:
    """A parameter of a strategy, declared as a class attribute.

    For example `beta: float = parameter(1.0, "…", low=0, high=100)`.
    """
    return Parameter(default, description, low, high, choices)


class HasParameters:
    """A class with parameters, which a run may set.

    A class that extends it has the parameters of both; `beta: float = 2.0` gives an inherited one another default.
    """

    name: ClassVar[str]
    """The name of the class in error messages."""

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """The parameters of this class by name, inherited ones first."""
        found: dict[str, Parameter] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Parameter):
                    found[name] = value
                elif name in found:
                    found[name] = replace(found[name], default=value)
        return found

    @classmethod
    def checked_params(cls, params: Mapping[str, float | str]) -> dict[str, float | str]:
        """Every parameter's value under `params`. Raises ValueError naming the parameter and its bound."""
        declared = cls.parameters()
        if unknown := params.keys() - declared.keys():
            known = ", ".join(declared) or "none"
            raise ValueError(f"{cls.name}.{min(unknown)}: no such parameter (there is {known})")
        values = {}
        for name, parameter in declared.items():
            try:
                values[name] = parameter.check(params.get(name, parameter.default))
            except ValueError as error:
                raise ValueError(f"{cls.name}.{name}: {error}") from None
        return values
