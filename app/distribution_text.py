"""Distributions written as text, such as `uniform(20, 50)`, so that they fit a setting."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

_FORM = re.compile(r"\s*(\w+)\s*\(([^()]*)\)\s*")
T = TypeVar("T")


def read_distribution(text: str, kinds: Mapping[str, Callable[..., T]], allowed: str) -> T:
    """The distribution that the text states, made by its kind from the text and its numbers.

    Raises ValueError, which ends with what is `allowed`, where there is no such kind, or it refuses the numbers.
    """
    match = _FORM.fullmatch(text)
    try:
        kind, values = match[1], [float(value) for value in match[2].split(",")]  # type: ignore[index]
        return kinds[kind](text, *values)
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"{text!r} is not {allowed}") from None
