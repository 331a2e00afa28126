"""The faults of input that was refused, each with its place and its reason: one wording for every program."""

import re
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_settings import SettingsError

GIVEN_CHARS_MAX = 100
"""The length at which a bad value is cut, in the message about it."""
_OUR_OWN = "Value error, "
"""The words that pydantic puts before the reasons of the lab's own checks."""


class InputFault(NamedTuple):
    """One fault of a table: the place is its keys from the outside in, and empty where the table as a whole is bad."""

    place: tuple[int | str, ...]
    reason: str
    given: object

    @property
    def dotted(self) -> str:
        """The place as a text such as `cache.ttl_s`."""
        return ".".join(map(str, self.place))

    @property
    def option(self) -> str:
        """The place as an option of a command line such as `--rate-per-s: `; empty where there is none."""
        return "".join(f"--{part}: ".replace("_", "-") for part in self.place)


def input_faults(error: ValidationError) -> list[InputFault]:
    """The faults of a table that was refused, in its order."""
    return [
        InputFault(fault["loc"], fault["msg"].removeprefix(_OUR_OWN), fault["input"])
        for fault in error.errors(include_url=False)
    ]


def refused_settings(error: ValueError | OSError) -> list[str]:
    """The lines that a program of the service prints about settings that were refused, before it exits with code 2."""
    if isinstance(error, ValidationError):
        return [_of_setting(fault) for fault in input_faults(error)]
    if isinstance(error, SettingsError):  # its text does not say what is wrong
        name = re.sub(r'.*field "(\w+)".*', r"\1", str(error)).upper()
        return [f"LAB_{name}: {error.__cause__ or error}: it must be a JSON object"]
    return [f"error: {error}"]


def _of_setting(fault: InputFault) -> str:
    """The message about a bad setting, under the name of the variable that sets it."""
    if not fault.place:
        return f"error: {fault.reason}"
    name, *within = map(str, fault.place)
    inside = "".join(f".{part}" for part in within)
    # a URL may hold a password
    shown = "" if name == "redis_url" else f" (given: {fault.given!r:.{GIVEN_CHARS_MAX}})"
    return f"LAB_{name.upper()}{inside}: {fault.reason}{shown}"
