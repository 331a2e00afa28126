"""The settings of the stack: the variables that were given, else what the scenario states.

`bin/up` asks in a container before it changes anything: `python -m loadtest.worlds.stack_settings RATE=600 …`. It
prints the environment of Compose, and remarks after a `#`. Bad input is one line and exit code 2.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError

from app.contender_names import contender_names, file_of
from app.discovery import Discovered, discover
from app.input_faults import input_faults
from app.settings import Settings, as_variable, contenders_named
from app.strategy_groups import BY_DEFAULT, CONTENDERS, WRONG, UnknownStrategy, named, words
from app.tuner.tuner import EVERY_S
from loadtest.workload.near_names import LAB_LIST, choose, no_strategy, no_such
from loadtest.workload.scenario import PODS_REAL_MAX, BadScenario, Scenario, read_scenario
from loadtest.workload.stated_settings import StatedSettings
from loadtest.workload.trace import BadTrace, read_trace
from loadtest.worlds.own_locustfile import BadLocustfile, check_locustfile
from loadtest.worlds.stack_pace import BadVariable, Given, guests_pace, pace

GUEST = Path(__file__).parents[1] / "generator" / "guest.py"
"""The file that accompanies a user's own Locust file."""
_EXAMPLES = {"params": '{"xfetch": {"beta": 2}}', "nets": '{"stale_if_error_s": 30}'}
"""The settings that are JSON objects, each with an example."""


def resolve(given: Given) -> tuple[dict[str, str], list[str]]:
    """The environment of the stack, and remarks on it; an empty variable counts as unset. Raises `BadVariable`."""
    given = {name: value for name, value in given.items() if value.strip() or name == "NOW"}
    scenario = _scenario(given.get("SCENARIO", "side-by-side"))
    pods = _pods(scenario, given)
    asked = _asked(scenario, given)
    found = discover(wrong=True)
    names = _strategies(found, scenario, given, pods, asked)
    counting = (found.choosable[name].counts_prefixes for name in names if name in found.choosable)
    pods = _tuned(pods, any(counting))
    serves_wrong = _is_on("WRONG", given) or bool(found.wrong.keys() & {*names, *pods.params})
    served = ",".join(_contenders(given) or [name for name in dict.fromkeys([*names, *pods.params]) if file_of(name)])
    if locustfile := given.get("LOCUSTFILE"):
        try:
            check_locustfile(Path(locustfile))
        except BadLocustfile as error:
            raise BadVariable(f"LOCUSTFILE={locustfile}: {error}") from None
        speed, says = guests_pace(given)
        speed["LOCUSTFILE"] = f"{locustfile},{GUEST}"
    else:
        speed, says = pace(scenario, given, len(names), pods)
    if scenario.faults:
        says.append(
            f"what {scenario.name} breaks, make bench WORLD=stack SCENARIO={scenario.name} does; here: make break"
        )
    stated = pods.model_dump(include=_held(scenario, given))
    stated["nets"] = pods.nets.model_dump(exclude_defaults=True)
    environment = {f"LAB_{name.upper()}": _text(value) for name, value in stated.items()}
    environment |= {"STRATEGIES": asked, "WRONG": "1" if serves_wrong else "", "CONTENDERS": served}
    return environment | speed, [_told(scenario, pods, names), *says]


def _scenario(name: str) -> Scenario:
    try:
        scenario = read_scenario(name).in_the_stack()
        if scenario.load.trace is not None:
            read_trace(Path(scenario.load.trace), scenario.keys.ids, scenario.duration_s)
    except (BadScenario, BadTrace) as error:
        raise BadVariable(f"SCENARIO={name}: {str(error).removeprefix(f'{name}: ')}") from None
    if reason := scenario.why_not_in("stack"):
        raise BadVariable(f"SCENARIO={name}: {reason}")
    return scenario


def _stated(scenario: Scenario) -> dict[str, Any]:
    """The scenario's settings of a pod, with as many items as ever for requests by hand."""
    stated = scenario.pod_settings(1, "any").model_dump()
    stated["origin_connections_shared"] = scenario.origin.connections_shared  # the stack has as many pods as it likes
    for name in ("key_space",) if scenario.keys.absent else ("items", "key_space"):
        stated[name] = max(stated[name], Settings.model_fields[name].default)
    return stated


def _held(scenario: Scenario, given: Given) -> set[str]:
    """The settings of a pod that the scenario states or that were given as variables of the stack."""
    stated = scenario.pod_environment(1)
    return {name.removeprefix("LAB_").lower() for name in (*stated, *given) if name.startswith("LAB_")}


def _pods(scenario: Scenario, given: Given) -> StatedSettings:
    """The settings of every pod. Raises `BadVariable`."""
    values = _stated(scenario)
    for variable, text in given.items():
        name = variable.removeprefix("LAB_").lower()
        if variable.startswith("LAB_") and name in Settings.model_fields:
            values[name] = _over(values[name], _json(variable, text)) if name in _EXAMPLES else text
    try:
        pods = StatedSettings.model_validate(values)
    except ValidationError as error:
        fault = input_faults(error)[0]
        if not fault.place:
            items, space = values["items"], values["key_space"]
            raise BadVariable(f"LAB_ITEMS={items}: must be at most LAB_KEY_SPACE ({space})") from None
        field, *within = map(str, fault.place)
        variable = f"LAB_{field.upper()}"
        inside = f": {'.'.join(within)}" if within else ""
        said = _bound(field) or fault.reason
        raise BadVariable(f"{variable}={given.get(variable, '')}{inside}: {said}") from None
    if pods.origin_slowdown is not None and pods.origin_connections_shared is None:  # then the pooler counts the reads
        enough = PODS_REAL_MAX * pods.origin_connections
        pods = pods.model_copy(update={"origin_connections_shared": enough})
    if pods.key_space < scenario.keys.ids:
        keys = scenario.keys.ids
        raise BadVariable(f"LAB_KEY_SPACE={pods.key_space}: must be at least {keys}, the keys of {scenario.name}")
    return pods


def _json(variable: str, text: str) -> dict[str, Any]:
    try:
        if isinstance(found := json.loads(text), dict):
            return found
        raise ValueError
    except ValueError:
        example = _EXAMPLES[variable.removeprefix("LAB_").lower()]
        raise BadVariable(f"{variable}={text}: must be a JSON object, as {example}") from None


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The given values, over those that the scenario states; tables within are laid over each other, too."""
    return below | {
        name: (below.get(name) or {}) | given if isinstance(given, dict) else given for name, given in above.items()
    }


def _bound(field: str) -> str:
    """The range of a setting that is a number; empty for any other."""
    about = Settings.model_fields[field]
    kinds: dict[Any, str] = {int: "a whole number", float: "a number"}
    kinds |= {kind | None: text for kind, text in kinds.items()}
    low = [bound.ge if isinstance(bound, Ge) else bound.gt for bound in about.metadata if isinstance(bound, Ge | Gt)]
    below = [f"under {bound.lt}" for bound in about.metadata if isinstance(bound, Lt)]
    high = [bound.le for bound in about.metadata if isinstance(bound, Le)] or below
    if about.annotation not in kinds or not low or not high:
        return ""
    return f"must be {kinds[about.annotation]} from {low[0]} to {high[0]}"


def _asked(scenario: Scenario, given: Given) -> str:
    """The names and groups of strategies that are asked, by comma; empty where nothing says: those of the default.

    Groups stay words, so that a strategy that comes to the pods later is asked too.
    """
    if "STRATEGIES" in given or scenario.live.strategies:
        return (given.get("STRATEGIES") or ",".join(scenario.live.strategies)).replace(" ", "")
    more = [*([WRONG] if _is_on("WRONG", given) else []), *_contenders(given)]
    return ",".join((BY_DEFAULT, *more)) if more else ""


def _contenders(given: Given) -> list[str]:
    """The contenders that are to be served, or the word of their group. Raises `BadVariable`.

    They are known by their files: here none of their libraries is installed, but in the pods.
    """
    text = contenders_named(given.get("CONTENDERS", ""))
    words = [word for word in text.split(",") if word]
    if unknown := {*words} - {CONTENDERS, *contender_names()}:
        told = no_such("contender", min(unknown), contender_names(), LAB_LIST, "1, for all,")
        raise BadVariable(f"CONTENDERS={text}: {told}")
    return words


def _is_on(variable: str, given: Given) -> bool:
    if (text := given.get(variable, "0")) not in {"0", "1"}:
        raise BadVariable(f"{variable}={text}: must be 1, or 0 or empty")
    return text == "1"


def _strategies(found: Discovered, scenario: Scenario, given: Given, pods: Settings, asked: str) -> list[str]:
    """The strategies that are asked. Raises `BadVariable`."""
    known, contenders = found.choosable, contender_names()
    stated_in = "LAB_PARAMS" if "LAB_PARAMS" in given else f"{scenario.name}: params"
    for name in pods.params.keys() - found.broken.keys():
        if name in contenders:
            continue  # the pods know their parameters
        if name not in known:
            raise BadVariable(f"{stated_in}: {no_strategy(name, known)}")
        try:
            known[name].checked_params(pods.params[name])
        except ValueError as error:
            raise BadVariable(f"{stated_in}: {error}") from None
    variable = f"STRATEGIES={given['STRATEGIES']}" if "STRATEGIES" in given else f"{scenario.name}: live.strategies"
    groups = {**found.groups, CONTENDERS: contenders}
    names = named(words(asked), groups) if asked else groups[BY_DEFAULT]
    try:
        if others := [name for name in names if name not in contenders]:
            choose(found, ",".join(others) or ",")
        return names
    except UnknownStrategy as error:
        raise BadVariable(f"{variable}: {error}") from None


def _tuned(pods: StatedSettings, is_read: bool) -> StatedSettings:
    """The settings with a tuner, where a strategy that is asked has its requests counted for one; else as stated."""
    return pods.model_copy(update={"tuner_every_s": EVERY_S}) if is_read and pods.tuner_every_s is None else pods


def _told(scenario: Scenario, pods: Settings, names: Sequence[str]) -> str:
    keys = scenario.keys.count
    return f"{scenario.name}: {keys} keys, TTL {pods.ttl_s:g} s, origin {pods.origin_latency} ms; {', '.join(names)}."


def _text(value: object) -> str:
    return as_variable(value).removesuffix(".0")


def _refuse(why: str) -> NoReturn:
    print(f"error: {' '.join(why.split())}", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    given = dict(word.partition("=")[::2] for word in sys.argv[1:])
    try:
        environment, says = resolve(given)
    except BadVariable as error:
        _refuse(str(error))
    for name, value in environment.items():
        print(f"{name}={value}")
    for line in says:
        print(f"# {line}")


if __name__ == "__main__":
    main()
