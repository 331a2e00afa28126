"""As much of PromQL as it takes to say what a query asks for."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LABEL_VALUES = re.compile(r"label_values\((.+),\s*(\w+)\)")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\$\w+|\d[\w.]*|[a-zA-Z_][\w:]*|[=!]~|[=!<>]=|\S')
_NAME = re.compile(r"[a-zA-Z_][\w:]*")
_WINDOW = re.compile(r"\[([^\]]*)\]")
_DURATION = re.compile(r"(\d+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_GROUPS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = {"unless", "and", "or", "bool", "offset", *_GROUPS}
_CLOSES = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Window:
    """`[5m:1s]` is 300 s wide in steps of 1 s; a window of samples, `[1s]`, has no step."""

    width_s: float
    step_s: float | None


def label_values(query: str) -> tuple[str, str]:
    """The selector and the label of a variable's query."""
    found = _LABEL_VALUES.fullmatch(query)
    return (found[1], found[2]) if found else (query, "")


def metrics_of(query: str) -> Iterator[tuple[str, set[str]]]:
    """Every metric of a query, and the labels that it is selected by."""
    tokens = [*_TOKEN.findall(query), ""]
    place = 0
    while place < len(tokens) - 1:
        token, following = tokens[place], tokens[place + 1]
        if token in _GROUPS and following == "(":
            place = tokens.index(")", place)
        elif _NAME.fullmatch(token) and token not in _WORDS and following != "(" and following not in _GROUPS:
            end = tokens.index("}", place) if following == "{" and "}" in tokens[place:] else place
            yield token, {one for one in tokens[place + 1 : end] if _NAME.fullmatch(one)}
            place = end
        place += 1


def grouped_by(query: str) -> set[str]:
    """Every label that results are grouped or matched by."""
    groups = re.findall(rf"\b(?:{'|'.join(_GROUPS)})\s*\(([^()]*)\)", query)
    return {label.strip() for group in groups for label in group.split(",") if label.strip()}


def windows_of(query: str) -> list[Window]:
    """A width that is no number, as a variable is none, counts as endless."""
    parts = (text.partition(":") for text in _WINDOW.findall(query))
    return [Window(_seconds(width), _seconds(step) if colon else None) for width, colon, step in parts]


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else math.inf


def is_balanced(query: str) -> bool:
    """Whether every bracket is closed by its like."""
    awaited: list[str] = []
    for token in _TOKEN.findall(query):
        if token in _CLOSES:
            awaited.append(_CLOSES[token])
        elif token in _CLOSES.values() and (not awaited or awaited.pop() != token):
            return False
    return not awaited
