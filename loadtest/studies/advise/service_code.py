"""Python for one's own service: an example of `app/contenders/examples/` with the numbers of the advice in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.strategy import Mechanism, Strategy
from loadtest.studies.advise.library_choice import choose_library, constants_for, own_example
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
    """The library that it needs, as pip knows it, with its version; empty for none but the client of Redis."""
    code: str
    why: str
    not_held: tuple[str, ...]
    """The probes that this library did not hold, in sentences."""
    own_code: str
    """The same with redis-py alone."""


def code_for(service: Service, strategy: Strategy, baseline: str) -> ServiceCode:
    """The code that does in a service what the strategy, with its settings, does in the lab."""
    mechanism = strategy.mechanism()
    choice, why = choose_library(mechanism, baseline)
    numbers = _numbers(service, mechanism)
    own = filled(own_example().read_text(encoding="utf-8"), numbers)
    if choice is None:
        return ServiceCode("", own, why, (), own)
    code = filled(choice.example.read_text(encoding="utf-8"), numbers)
    return ServiceCode(f"{choice.library}=={choice.version}", code, why, choice.evidence, own)


def filled(example: str, numbers: Mapping[str, float | str]) -> str:
    """The example with other values of its constants; a name that it does not have changes nothing."""
    for name, value in numbers.items():
        example = re.sub(rf"^{name} = [^#\n]*?(?=(?:  #[^\n]*)?$)", f"{name} = {value!r}", example, flags=re.MULTILINE)
    return example


def _numbers(service: Service, mechanism: Mechanism) -> dict[str, float | str]:
    mean_s = service.latency.mean_ms / 1000
    return {
        "TTL_S": float(service.ttl_s),
        "LOCK_S": max(LOCK_S_MIN, round(LOCK_LATENCIES * mean_s, 1)),
        "WAIT_S": max(WAIT_S_MIN, round(WAIT_LATENCIES * mean_s, 1)),
        **constants_for(mechanism),
    }
