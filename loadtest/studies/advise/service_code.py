"""Python for one's own service: an example of `app/contenders/examples/` with the numbers of the advice in it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.strategy import Mechanism, MechanismKind, Strategy
from loadtest.studies.advise.library_choice import (
    CLIENT,
    cache_aside_example,
    choose_library,
    constants_for,
    own_example,
)
from loadtest.studies.advise.service import Service

LOCK_LATENCIES = 10.0
"""The lease of a lock, in mean loads: a load that takes longer is done twice."""
LOCK_S_MIN, WAIT_S_MIN = 10.0, 5.0
WAIT_LATENCIES = 5.0
"""The longest wait for another's load, in mean loads."""


@dataclass(frozen=True, slots=True)
class ServiceCode:
    """Code to copy, with how it was chosen."""

    library: str
    """The library that it needs; empty for none but the client of Redis."""
    requires: str
    """The requirement that pip installs for the code, with version and extra, quoted for a shell."""
    code: str
    why: str
    not_held: tuple[str, ...]
    """The probes that this library did not hold, in sentences."""
    own_code: str
    """The same with redis-py alone."""
    remarks: tuple[str, ...] = ()
    """The parts of the strategy that the code does not have, in sentences."""


def code_for(service: Service, strategy: Strategy, baseline: str) -> ServiceCode:
    """The code that does in a service what the strategy, with its settings, does in the lab."""
    mechanism = strategy.mechanism()
    numbers = _numbers(service, mechanism)
    if mechanism.kind is MechanismKind.NONE:
        plain = filled(cache_aside_example().read_text(encoding="utf-8"), numbers)
        return ServiceCode("", CLIENT, plain, "It needs no library: whoever finds no entry loads it.", (), plain)
    choice, why = choose_library(mechanism, baseline)
    own = filled(own_example().read_text(encoding="utf-8"), numbers)
    if choice is None:
        return ServiceCode("", CLIENT, own, why, (), own, tuple(_lacks(mechanism)))
    code = filled(choice.example.read_text(encoding="utf-8"), numbers)
    return ServiceCode(choice.library, choice.requires, code, why, choice.evidence, own, tuple(_lacks(mechanism)))


def filled(example: str, numbers: Mapping[str, float | str]) -> str:
    """The example with other values of its constants; a name that it does not have changes nothing."""
    for name, value in numbers.items():
        example = re.sub(rf"^{name} = [^#\n]*?(?=(?:  #[^\n]*)?$)", f"{name} = {value!r}", example, flags=re.MULTILINE)
    return example


def _lacks(mechanism: Mechanism) -> Iterator[str]:
    """The parts of a mechanism that no example has, in sentences."""
    if mechanism.lag_s:
        yield "The code has no copies in the pods, as this strategy has them: every answer asks Redis."
    if mechanism.error_window_s:
        yield (
            "The code does not keep an entry longer while loads fail, as this strategy does for "
            f"{mechanism.error_window_s:g} s."
        )
    if mechanism.kind is MechanismKind.UNKNOWN:
        yield "The code does less than this strategy: one load over all pods, and the others wait for it."


def _numbers(service: Service, mechanism: Mechanism) -> dict[str, float | str]:
    mean_s = service.latency.mean_ms / 1000
    constants = {name: round(value, 3) for name, value in constants_for(mechanism).items()}
    if mechanism.spread:
        constants["SPREAD"] = round(mechanism.spread / mechanism.stretch, 3)
    return {
        "TTL_S": round(service.ttl_s * mechanism.stretch, 3),
        "LOCK_S": max(LOCK_S_MIN, round(LOCK_LATENCIES * mean_s, 1)),
        "WAIT_S": max(WAIT_S_MIN, round(WAIT_LATENCIES * mean_s, 1)),
        **constants,
    }
