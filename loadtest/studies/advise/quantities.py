"""Numbers of a service as people write them: `350ms`, `60s`, `5m`, `lognormal(200, 0.5)`."""

import re

from app.latency import Latency
from loadtest.studies.advise.service import BadService

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0}
_TIME = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.ASCII)


def seconds(name: str, text: str, unit: str = "s") -> float:
    """The time in seconds; a number without a unit is in `unit`. Raises `BadService` naming what is allowed."""
    match = _TIME.fullmatch(text.lower())
    if match is None or (match[2] or unit) not in _SECONDS:
        raise BadService(f"{name}: write a time as 350ms, 60s, 5m or 1h, not {text!r}")
    return float(match[1]) * _SECONDS[match[2] or unit]


def latency(name: str, text: str) -> str:
    """The latency of an origin as a distribution in ms: one of those, or a time. Raises `BadService`."""
    if "(" not in text:
        return f"fixed({1000 * seconds(name, text, 'ms'):g})"
    try:
        return Latency.parse(text).text
    except ValueError as error:
        raise BadService(f"{name}: {error}") from None
