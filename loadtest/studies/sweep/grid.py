"""The settings of a sweep (`--set mine.margin=0.5,1 --set ttl_s=2,5`), and the grid of points that they span."""

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from app.input_faults import input_faults
from app.strategy import Strategy
from loadtest.report.frontier.choice import Value, in_words
from loadtest.workload.near_names import no_such
from loadtest.workload.scenario import Scenario

VALUES_MAX = 1_000
"""The most values of one setting."""
POINTS_MAX = 100_000
_ABOUT = frozenset({"name", "title", "source", "params"})
"""The fields of a scenario that are no settings; parameters of strategies have names of their own."""


class BadSetting(ValueError):
    """A setting that cannot be used; the text names it, the value and the bound."""


class Setting(NamedTuple):
    """One setting: a name and the values that it takes in turn."""

    name: str  # a scenario's field by its whole path, or strategy.parameter
    values: tuple[Value, ...]
    strategy: str = ""  # whose parameter it is; "" where it is a field of the scenario

    def __str__(self) -> str:
        return f"{self.name}={','.join(map(in_words, self.values))}"


class Point(NamedTuple):
    """One point of the grid: a strategy under one scenario."""

    strategy: str
    scenario: Scenario
    settings: dict[str, Value]  # validated; without the parameters of other strategies


def several(text: str) -> list[str]:
    """The settings in a text, separated by spaces; a space without a name after it belongs to a value."""
    return re.split(r"\s+(?=[\w.]+\s*=)", text.strip())


def read_setting(text: str, scenario: Scenario, strategies: Mapping[str, type[Strategy]]) -> Setting:
    """The setting in `name=value,value`; a comma in parentheses belongs to the value. Raises `BadSetting`."""
    asked, separator, listed = text.partition("=")
    asked = asked.strip()
    values = tuple(_value(part.strip()) for part in re.split(r",(?![^(]*\))", listed))
    if not separator or not asked or "" in values:
        raise BadSetting(f"--set {text}: write it as name=value or name=value,value")
    if len(values) > VALUES_MAX:
        raise BadSetting(f"--set {asked}: {len(values)} values are more than {VALUES_MAX}")
    if twice := [value for place, value in enumerate(values) if value in values[:place]]:
        raise BadSetting(f"--set {asked}: {in_words(twice[0])} is there twice")
    parameters = {
        f"{name}.{parameter}": name for name, strategy in strategies.items() for parameter in strategy.parameters()
    }
    fields = [path for path, _ in _leaves(scenario.model_dump(exclude=set(_ABOUT)))]
    found = [name for name in (*parameters, *fields) if name == asked]
    found = found or [path for path in fields if path.rpartition(".")[2] == asked]
    if len(found) > 1:
        raise BadSetting(f"--set {asked}: name one of {', '.join(found)}")
    if not found:
        whose = asked.partition(".")[0]
        known = [name for name in parameters if parameters[name] == whose] or [
            path for path in fields if path[:1] != "_"
        ]
        raise BadSetting(f"--set: {no_such('setting', asked, known, 'docs/reference/scenarios.md names all')}")
    return Setting(found[0], values, parameters.get(found[0], ""))


def points(scenario: Scenario, strategies: Mapping[str, type[Strategy]], settings: Sequence[Setting]) -> list[Point]:
    """The validated grid: every strategy at every product of the scenario's settings and its own.

    Raises `BadSetting`.
    """
    names = [setting.name for setting in settings]
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise BadSetting(f"--set {twice[0]}: is there twice; list its values in one")
    if missing := [setting for setting in settings if setting.strategy and setting.strategy not in strategies]:
        raise BadSetting(f"--set {missing[0].name}: {missing[0].strategy} does not take part")
    own = {name: [setting for setting in settings if setting.strategy == name] for name in strategies}
    common = [setting for setting in settings if not setting.strategy]
    count = _size(common) * sum(_size(parameters) for parameters in own.values())
    if count > POINTS_MAX:
        raise BadSetting(f"--set: {count:,} points are more than {POINTS_MAX:,}")
    found = []
    for chosen in _product(common):
        placed, stated = _place(scenario, chosen)
        for name, strategy in strategies.items():
            found += [_set_params(placed, strategy, stated, chosen_own) for chosen_own in _product(own[name])]
    return found


def _value(text: str) -> Value:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | None) else text


def _leaves(table: Any, path: str = "") -> Iterator[tuple[str, Value]]:
    """The values in a table and in the tables within it, each with its path."""
    if not isinstance(table, dict | list):
        yield path, table
        return
    for name, inner in table.items() if isinstance(table, dict) else enumerate(table):
        yield from _leaves(inner, f"{path}.{name}" if path else str(name))


def _size(settings: Sequence[Setting]) -> int:
    return math.prod(len(setting.values) for setting in settings)


def _product(settings: Sequence[Setting]) -> Iterator[dict[str, Value]]:
    for values in itertools.product(*(setting.values for setting in settings)):
        yield dict(zip((setting.name for setting in settings), values, strict=True))


def _place(scenario: Scenario, chosen: Mapping[str, Value]) -> tuple[Scenario, dict[str, Value]]:
    """The scenario with these fields, and their validated values. Raises `BadSetting`."""
    table = scenario.model_dump()
    for name, value in chosen.items():
        *outer, last = name.split(".")
        inner: Any = table
        for part in outer:
            inner = inner[int(part) if isinstance(inner, list) else part]
        inner[last] = value
    try:
        placed = Scenario.model_validate(table)
    except ValidationError as error:
        fault = input_faults(error)[0]
        parts = [str(part) for part in fault.place]
        # a union puts the name of its member in between
        blamed = [name for name in chosen if _is_within(name.split("."), parts)] or list(chosen)
        where = ", ".join(f"{name}={in_words(chosen[name])}" for name in blamed)
        reason = fault.reason if len(blamed) == 1 and parts else f"{'.'.join(parts)}: {fault.reason}".lstrip(": ")
        raise BadSetting(f"--set {where}: {reason}") from None
    now = dict(_leaves(placed.model_dump()))
    return placed, {name: now[name] for name in chosen}


def _is_within(parts: Sequence[str], longer: Sequence[str]) -> bool:
    """Whether all parts are in the longer path, in this order."""
    rest = iter(longer)
    return all(part in rest for part in parts)


def _set_params(
    scenario: Scenario, strategy: type[Strategy], stated: Mapping[str, Value], own: Mapping[str, Value]
) -> Point:
    """The scenario with these parameters of the strategy, and their validated values. Raises `BadSetting`."""
    named: dict[str, Any] = {name.partition(".")[2]: value for name, value in own.items()}
    before = scenario.params.get(strategy.name, {})
    try:
        validated = strategy.checked_params({**before, **named})
    except ValueError as error:
        raise BadSetting(
            f"--set {', '.join(f'{name}={in_words(value)}' for name, value in own.items())}: {error}"
        ) from None
    checked = {parameter: validated[parameter] for parameter in named}
    if not checked:
        return Point(strategy.name, scenario, dict(stated))
    params = {**scenario.params, strategy.name: {**before, **checked}}
    settings = {**stated, **{f"{strategy.name}.{parameter}": value for parameter, value in checked.items()}}
    return Point(strategy.name, scenario.model_copy(update={"params": params}), settings)
