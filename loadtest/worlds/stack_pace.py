"""The stack's rate and users: those that were asked for, else what the scenario states."""

from collections.abc import Mapping

from app.latency import Latency
from app.settings import Settings
from loadtest.workload.scenario import Scenario
from loadtest.workload.scenario_tables import RATE_REAL_MAX

LIVE_RATE = 600.0
"""The highest default rate, requests per second, that the stack's limits let it send and answer faithfully."""
RATE_MIN = 0.1
USERS_MAX = 5_000
GUESTS_USERS = "10"
"""The default number of users of a user's own Locust file."""
NEEDLE_MIN = 2.0
"""The reads per expiry from which a herd is mentioned."""
Given = Mapping[str, str]
"""Variables by name. "NOW" names those of this very call, separated by blanks; without it all are."""


class BadVariable(ValueError):
    """A variable has a bad value; the text names it, its value and the bound."""


def pace(scenario: Scenario, given: Given, runners: int, pods: Settings) -> tuple[dict[str, str], list[str]]:
    """RATE and USERS, and a remark on what they mean for one strategy. Raises `BadVariable`."""
    load, says = scenario.load, []
    if load.loop == "open":
        says += _is_void("USERS", given, f"{scenario.name} is an open loop, which has no users")
    if load.trace is not None:
        says += _is_void("RATE", given, f"{scenario.name} replays a trace, at its own rate")
        return {"RATE": "", "USERS": "1"}, [
            f"{scenario.name} replays its trace once, {runners} strategies in turn",
            *says,
        ]
    users = str(_whole("USERS", given["USERS"])) if "USERS" in given and load.loop == "closed" else str(load.users or 1)
    rate, own = scenario.live.rate_per_s, load.rate_per_s
    if "RATE" in given:
        rate = _number("RATE", given["RATE"])
    elif rate is None and own is not None:
        rate = min(own * runners, LIVE_RATE)
        if rate < own * runners:
            says.append(f"{scenario.name} states {own:g} for each strategy; RATE={own * runners:g} asks for all of it.")
    if rate is None:
        return {"RATE": "", "USERS": users}, [
            f"{users} users ask {runners} strategies; their answers set the pace.",
            *says,
        ]
    each = rate / runners
    herd = 1 + each * float(scenario.keys.shares().max()) * Latency.parse(pods.origin_latency).mean_ms / 1000
    needle = f", so that a herd on its hottest key reads the origin {herd:.0f} times" if herd >= NEEDLE_MIN else ""
    shares = f": {each:g}/s for each of {runners}" if runners > 1 else ""
    return {"RATE": f"{rate:.10g}", "USERS": users}, [f"{rate:g} requests/s{shares}{needle}.", *says]


def guests_pace(given: Given) -> tuple[dict[str, str], list[str]]:
    """RATE and USERS for a user's own Locust file, which has no rate of the lab's. Raises `BadVariable`."""
    says = _is_void("RATE", given, "LOCUSTFILE has a pace of its own, by USERS=")
    users = str(_whole("USERS", given.get("USERS", GUESTS_USERS)))
    return {"RATE": "", "USERS": users}, [f"{users} users of your own Locust file.", *says]


def _is_void(variable: str, given: Given, why: str) -> list[str]:
    """The remark on a variable without effect here. Raises `BadVariable` if this very call gave it."""
    if variable not in given:
        return []
    if variable in given.get("NOW", variable).split():
        raise BadVariable(f"{variable}={given[variable]}: {why}")
    return [f"{variable}={given[variable]} has no effect now: {why}."]


def _number(variable: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not RATE_MIN <= value <= RATE_REAL_MAX:
        raise BadVariable(f"{variable}={text}: must be a number from {RATE_MIN:g} to {RATE_REAL_MAX}")
    return value


def _whole(variable: str, text: str, high: int = USERS_MAX) -> int:
    if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= high):
        raise BadVariable(f"{variable}={text}: must be a whole number from 1 to {high}")
    return int(text)
