"""The shrinking of a finding: a scenario is made smaller for as long as the same invariant is broken."""

import math
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from app.latency import Latency
from app.settings import ORIGIN_TIMEOUT_MS
from app.strategy import Strategy
from loadtest.sim.cluster.simulate import rare_collections
from loadtest.sim.search.case import HOLDS_THE_LOOP, Case, Finding, check_case
from loadtest.workload.scenario import Scenario

TRIES_MAX = 300
TENTH_S = 0.1
"""The step of durations, seconds."""
_WIDE_POOL = 64


def shrink(strategy: type[Strategy], finding: Finding) -> Finding:
    """The smallest finding of the same invariant within `TRIES_MAX` runs; the same finding always shrinks alike.

    A finding that holds the loop stays as it is.
    """
    invariant = finding.violation.invariant
    if invariant == HOLDS_THE_LOOP:
        return finding
    tries = 0

    def breaks(scenario: Scenario, shuffle_seed: int | None) -> Finding | None:
        nonlocal tries
        tries += 1
        found = check_case(strategy, Case(scenario, finding.case.seed, shuffle_seed))
        return found if found is not None and found.violation.invariant == invariant else None

    with rare_collections():
        is_smaller = True
        while is_smaller:
            is_smaller = False
            case = finding.case
            if case.shuffle_seed is not None and (found := breaks(case.scenario, None)) is not None:
                finding, is_smaller = found, True
            for step in _STEPS:
                candidates = step(finding.case.scenario, finding.violation.at_s)
                while tries < TRIES_MAX and (scenario := next(candidates, None)) is not None:
                    if (found := breaks(scenario, finding.case.shuffle_seed)) is not None:
                        finding, is_smaller = found, True
                        candidates = step(finding.case.scenario, finding.violation.at_s)
    return finding


def _changed(scenario: Scenario, **changes: Any) -> Iterator[Scenario]:
    """The scenario with these fields, if it is valid and differs; tables are merged, unless the new one is empty."""
    told = scenario.model_dump()
    for name, change in changes.items():
        told[name] = told[name] | change if isinstance(change, dict) and change else change
    told["faults"] = [
        fault for fault in told["faults"] if fault["at_s"] < told["duration_s"] and fault.get("pod", 0) < told["pods"]
    ]
    try:
        changed = Scenario.model_validate(told)
    except ValidationError:
        return
    if changed != scenario and not changed.why_not_in("virtual"):
        yield changed


def _shorter(scenario: Scenario, at_s: float) -> Iterator[Scenario]:
    """Shorter scenarios: cut right after the violation, or by rougher steps where that was at the end."""
    whole_s = scenario.duration_s
    cuts_s = [at_s, at_s + 1, whole_s / 2, whole_s * 0.75, whole_s - 1, whole_s - TENTH_S]
    for cut_s in cuts_s:
        duration_s = round(max(1.0, math.ceil(cut_s / TENTH_S) * TENTH_S), 1)
        if duration_s < whole_s:
            yield from _changed(scenario, duration_s=duration_s)


def _unwarmed(scenario: Scenario, at_s: float) -> Iterator[Scenario]:
    yield from _changed(scenario, warming=None)


def _fewer_faults(scenario: Scenario, at_s: float) -> Iterator[Scenario]:
    faults = [fault.model_dump() for fault in scenario.faults]
    if len(faults) > 1:
        yield from _changed(scenario, faults=[])
    for place in range(len(faults)):
        yield from _changed(scenario, faults=faults[:place] + faults[place + 1 :])


def _fewer_pods(scenario: Scenario, at_s: float) -> Iterator[Scenario]:
    for pods in sorted({1, scenario.pods // 2, scenario.pods - 1}):
        if 1 <= pods < scenario.pods:
            yield from _changed(scenario, pods=pods)


def _fewer_keys(scenario: Scenario, at_s: float) -> Iterator[Scenario]:
    plain = {
        "hot_share": None,
        "zipf": None,
        "measured": None,
        "absent_share": 0.0,
        "absent_count": None,
        "shift": None,
    }
    yield from _changed(scenario, keys=plain)
    for count in sorted({1, scenario.keys.count // 2, scenario.keys.count - 1}):
        if 1 <= count < scenario.keys.count:
            yield from _changed(scenario, keys={"count": count})
            yield from _changed(scenario, keys={"count": count} | plain)


def _less_load(scenario: Scenario, at_s: float) -> Iterator[Scenario]:
    load = scenario.load
    yield from _changed(scenario, load={"shape": {"kind": "steady"}, "phases": []})
    if load.users is not None:
        for users in sorted({1, load.users // 2, load.users - 1}):
            if 1 <= users < load.users:
                yield from _changed(scenario, load={"users": users})
    if load.rate_per_s is not None:
        for share in (0.25, 0.5, 0.8):
            yield from _changed(scenario, load={"rate_per_s": float(f"{load.rate_per_s * share:.3g}")})


def _milder(scenario: Scenario, at_s: float) -> Iterator[Scenario]:
    """Scenarios with less of an outage: patient clients, fewer nets, an origin that does not slow down."""
    yield from _changed(scenario, client={})
    yield from _changed(scenario, client={"retries": 0})
    yield from _changed(scenario, client={"timeout_s": None})
    yield from _changed(scenario, client={"budget": None})
    nets = scenario.nets.model_dump(exclude_defaults=True)
    yield from _changed(scenario, nets={})
    for name in nets if len(nets) > 1 else ():
        yield from _changed(scenario, nets={name: type(scenario.nets).model_fields[name].default})
    yield from _changed(scenario, origin={"slowdown": None})
    yield from _changed(scenario, origin={"timeout_ms": ORIGIN_TIMEOUT_MS})


def _plainer(scenario: Scenario, at_s: float) -> Iterator[Scenario]:
    """Plainer scenarios: without tables that may be irrelevant."""
    virtual = scenario.virtual
    yield from _changed(scenario, virtual={"wire": False})
    yield from _changed(scenario, writes=None)
    yield from _changed(scenario, params={})
    yield from _changed(scenario, warm={"keys": "none"})
    yield from _changed(scenario, virtual={"service_us": 0})
    yield from _changed(scenario, virtual={"redis_entries_max": None, "redis_policy": "allkeys-lru"})
    yield from _changed(scenario, virtual={"network": "fixed(0)"})
    for text in ("fixed(0)", _fixed(virtual.redis)):
        yield from _changed(scenario, virtual={"redis": text})
    yield from _changed(scenario, origin={"connections_shared": None})
    if scenario.origin.connections < _WIDE_POOL:
        yield from _changed(scenario, origin={"connections": _WIDE_POOL})
    yield from _changed(scenario, origin={"latency": _fixed(scenario.origin.latency)})


def _fixed(latency: str) -> str:
    return f"fixed({Latency.parse(latency).mean_ms:.0f})"


_STEPS = (_shorter, _unwarmed, _fewer_faults, _fewer_pods, _fewer_keys, _less_load, _milder, _plainer, _shorter)
