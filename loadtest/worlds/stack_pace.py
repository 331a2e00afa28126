"""How fast the stack is to send: the rate and the users that were asked for, else what the scenario states."""

from collections.abc import Mapping

from app.latency import Latency
from app.settings import Settings
from loadtest.workload.scenario import RATE_REAL_MAX, Scenario

LIVE_RATE = 600.0
"""Requests per second that the stack's own limits let it send and answer honestly; more only for who asks for it."""
RATE_MIN = 0.1
USERS_MAX = 5_000
GUESTS_USERS = "10"
"""Of a Locust file of one's own."""
NEEDLE_MIN = 2.0
"""Reads per expiry from which on a herd is worth a word."""
Given = Mapping[str, str]
"""Knobs by name. "NOW" names those that were given with this very call, by blanks; without it all were."""


class BadKnob(ValueError):
    """The text names the knob, its value and the bound."""


def pace(scenario: Scenario, given: Given, arms: int, pods: Settings) -> tuple[dict[str, str], list[str]]:
    """RATE and USERS, and what they come to for one strategy. Raises `BadKnob`."""
    load, says = scenario.load, []
    if load.loop == "open":
        says += _is_void("USERS", given, f"{scenario.name} is an open loop, which has no users")
    if load.trace is not None:
        says += _is_void("RATE", given, f"{scenario.name} replays a trace, at its own rate")
        return {"RATE": "", "USERS": "1"}, [f"{scenario.name} replays its trace once, {arms} strategies in turn", *says]
    users = str(_whole("USERS", given["USERS"])) if "USERS" in given and load.loop == "closed" else str(load.users or 1)
    rate, own = scenario.live.rate_per_s, load.rate_per_s
    if "RATE" in given:
        rate = _number("RATE", given["RATE"])
    elif rate is None and own is not None:
        rate = min(own * arms, LIVE_RATE)
        if rate < own * arms:
            says.append(f"{scenario.name} states {own:g} for each strategy; RATE={own * arms:g} asks for all of it.")
    if rate is None:
        return {"RATE": "", "USERS": users}, [
            f"{users} users ask {arms} strategies; their answers set the pace.",
            *says,
        ]
    each = rate / arms
    herd = 1 + each * float(scenario.keys.shares().max()) * Latency.parse(pods.origin_latency).mean_ms / 1000
    needle = f", so that a herd on its hottest key reads the origin {herd:.0f} times" if herd >= NEEDLE_MIN else ""
    shares = f": {each:g}/s for each of {arms}" if arms > 1 else ""
    return {"RATE": f"{rate:.10g}", "USERS": users}, [f"{rate:g} requests/s{shares}{needle}.", *says]


def guests_pace(given: Given) -> tuple[dict[str, str], list[str]]:
    """Of a Locust file of one's own: its users, and no rate, which is not for us to set. Raises `BadKnob`."""
    says = _is_void("RATE", given, "LOCUSTFILE has a pace of its own, by USERS=")
    users = str(_whole("USERS", given.get("USERS", GUESTS_USERS)))
    return {"RATE": "", "USERS": users}, [f"{users} users of your own Locust file.", *says]


def _is_void(knob: str, given: Given, why: str) -> list[str]:
    """A knob that has no effect here: who gives it is refused; one from before waits until it has."""
    if knob not in given:
        return []
    if knob in given.get("NOW", knob).split():
        raise BadKnob(f"{knob}={given[knob]}: {why}")
    return [f"{knob}={given[knob]} has no effect now: {why}."]


def _number(knob: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not RATE_MIN <= value <= RATE_REAL_MAX:
        raise BadKnob(f"{knob}={text}: must be a number from {RATE_MIN:g} to {RATE_REAL_MAX}")
    return value


def _whole(knob: str, text: str, high: int = USERS_MAX) -> int:
    if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= high):
        raise BadKnob(f"{knob}={text}: must be a whole number from 1 to {high}")
    return int(text)
