"""A scenario in words: all that it states, in a sentence."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from app.writes import Invalidation
from loadtest.report.patience_in_words import clients_in_words, nets_in_words, slowdown_in_words
from loadtest.workload.faults import Fault
from loadtest.workload.scenario import Scenario
from loadtest.workload.scenario_tables import WarmingTable
from loadtest.workload.traffic import Keys, Load, Phase, Ramp, Shape, Spike, Steady, Step, TopOfTheHour

_FATES = {
    Invalidation.NONE: "entries stay until their time is over",
    Invalidation.DELETE: "each deletes the entry",
    Invalidation.WRITE_THROUGH: "each writes the new value through to the entry",
}
FAULTS_MAX = 20
"""The most faults that are named one by one."""


def sentence(scenario: Scenario) -> str:
    """The workload in one line."""
    pods, warm = scenario.pods, scenario.warm
    lead = f", {warm.lead_s:g} s before the load" if warm.lead_s else ""
    parts = [
        _pace(scenario.load),
        _keys(scenario.keys),
        "cold start" if warm.keys == "none" else f"all keys warmed in one burst{lead}",
        "" if scenario.payload is None else f"items of {scenario.payload.bytes} bytes",
        f"TTL {scenario.cache.ttl_s:g} s",
        f"origin latency {scenario.origin.latency} ms{slowdown_in_words(scenario.origin.slowdown)} over "
        f"{_connections(scenario)}",
        "1 pod" if pods == 1 else f"{pods} pods",
        f"{scenario.duration_s:g} s",
        clients_in_words(scenario.client),
        nets_in_words(scenario.nets),
    ]
    if scenario.writes is not None:
        parts.append(f"{scenario.writes.rate_per_s:,.10g} writes/s ({_FATES[scenario.writes.invalidation]})")
    if scenario.warming is not None:
        parts.append(warming_in_words(scenario.warming, scenario.keys.count))
    if scenario.tuner is not None:
        parts.append(f"a tuner sets TTLs every {scenario.tuner.every_s:g} s")
    if scenario.faults:
        told = [fault_in_words(fault) for fault in scenario.faults[:FAULTS_MAX]]
        left_out = len(scenario.faults) - FAULTS_MAX
        parts.append(f"faults: {', '.join(told)}" + (f" and {left_out} more" if left_out > 0 else ""))
    return f"{scenario.name}: {'; '.join(filter(None, parts))}." + (
        f" Source: {scenario.source}." if scenario.source else ""
    )


def brief(scenario: Scenario) -> str:
    """The workload in a few words: what a reader must know to read the figures."""
    load, pods = scenario.load, scenario.pods
    if load.rate_per_s is not None:
        pace = f"{load.rate_per_s:,.10g} requests/s"
    elif load.loop == "open":
        pace = _pace(load)
    else:
        pace = f"{load.users:,} users"
    keys = scenario.keys
    count = "1 key" if keys.count == 1 else f"{keys.count:,} keys"
    popular = "" if keys.zipf is None else f" (Zipf {keys.zipf:g})"
    if keys.hot_share is not None:
        popular = f" ({100 * keys.hot_share:g} % for one)"
    parts = [
        pace, f"{count}{popular}", f"TTL {scenario.cache.ttl_s:g} s", f"origin {scenario.origin.latency} ms",
        "1 pod" if pods == 1 else f"{pods} pods", f"{scenario.duration_s:g} s",
        *dict.fromkeys(fault.kind for fault in scenario.faults[:FAULTS_MAX]),
    ]  # fmt: skip
    return ", ".join(parts)


def warming_in_words(warming: WarmingTable, keys: int) -> str:
    """The warmers of a scenario, such as "from 0 s on, a warmer loads 500 keys at up to 100/s, …"."""
    who = "a warmer loads" if warming.warmers == 1 else f"{warming.warmers} warmers load"
    each = "" if warming.warmers == 1 else " each"
    pause = f", with pauses of {warming.pause_s:g} s" if warming.pause_s else ""
    life = {
        "same": "a whole TTL for each",
        "spread": f"up to {100 * warming.spread:g} % of the TTL less for each",
        "anchored": "to the next whole TTL since its item changed",
        "until": f"until {warming.until_s} s for all",
    }[warming.ttl]
    pace = f"at up to {warming.rate_per_s:,}/s{each}, in batches of {warming.batch:,}{pause}"
    return f"from {warming.at_s:g} s on, {who} {warming.keys or keys:,} keys {pace}; an entry's life is {life}"


def tuning(scenario: Scenario, ran: Collection[str] | None = None) -> str:
    """The parameters that the scenario states of the strategies that `ran`, None being all; empty where there are none.

    A control, whose name is its strategy's with a TTL behind it, ran that strategy too.
    """
    return ", ".join(
        f"{name}.{parameter} {at}"
        for name, parameters in scenario.params.items()
        if ran is None or any(re.fullmatch(rf"{name}(_\d+ms)?", one) for one in ran)
        for parameter, at in parameters.items()
    )


def virtual_world(scenario: Scenario) -> str:
    """The fields of a scenario that virtual time alone reads."""
    virtual = scenario.virtual
    entries = "" if virtual.redis_entries_max is None else f" for {virtual.redis_entries_max:,} entries"
    policy = f", {virtual.redis_policy}" if entries else ""
    load = f" and {virtual.load_us:g} a load" if virtual.load_us else ""
    return (
        f"network {virtual.network} ms a way, Redis {virtual.redis} ms a command{entries}{policy}, "
        f"{virtual.service_us:g} us of CPU a request{load}"
    )


def fault_in_words(fault: Fault) -> str:
    """A fault such as "cache-away at 20 s for 5 s (empty)"."""
    stated: dict[str, Any] = fault.model_dump()
    kind, at_s, for_s = stated.pop("kind"), stated.pop("at_s"), stated.pop("for_s", None)
    told = [_detail(name, value) for name, value in stated.items() if value is not False and value not in ([], None)]
    lasting = "" if for_s is None else f" for {for_s:g} s"
    return f"{kind} at {at_s:g} s{lasting}" + (f" ({', '.join(told)})" if told else "")


def _connections(scenario: Scenario) -> str:
    shared = scenario.origin.connections_shared
    together = "" if shared is None else f", {shared:,} for all pods together"
    return f"{scenario.origin.connections} connections per pod{together}"


def _detail(name: str, value: Any) -> str:
    match name:
        case "pod":
            return f"pod-{value + 1}"
        case "ms":
            return f"{value:g} ms"
        case "by_s":
            return f"by {value:g} s"
    if value is True:
        return name
    if isinstance(value, list):
        return f"{name} {', '.join(map(str, value))}"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _pace(load: Load) -> str:
    if load.loop == "open":
        if load.trace is not None:
            return f"open loop, replaying {Path(load.trace).name}"
        rate = f"open loop, {load.arrivals} arrivals at {load.rate_per_s:,.10g} requests/s"
        phases = "".join(f", {_phase(phase)}" for phase in load.phases)
        return f"{rate}{_shape(load.shape)}" + (f" in phases{phases}, then as stated" if phases else "")
    if load.rate_per_s is None:
        same = "a constant " if load.think == "constant" else ""
        return f"closed loop, {load.users:,} users with {same}{load.think_s:g} s think time"
    return f"closed loop on a timetable, {load.rate_per_s:,.10g} requests/s from {load.users:,} users"


def _phase(phase: Phase) -> str:
    trigger = " (the trigger)" if phase.trigger else ""
    return f"{phase.for_s:g} s at {phase.rate_share:g} times that{_shape(phase.shape)}{trigger}"


def _shape(shape: Shape) -> str:
    match shape:
        case Steady():
            return ""
        case Ramp() as ramp:
            over = "" if ramp.for_s is None else f" in {ramp.for_s:g} s"
            return f", a ramp from {ramp.from_share:g} to {ramp.to_share:g} times that{over}"
        case Step() as step:
            return f", a step to {step.to_share:g} times that at {step.at_s:g} s"
        case Spike() as spike:
            return f", a spike of {spike.to_share:g} times that at {spike.at_s:g} s for {spike.for_s:g} s"
        case TopOfTheHour() as jobs:
            return f", and {jobs.extra_requests:,} more every {jobs.every_s:g} s, within {jobs.within_s:g} s"


def _keys(keys: Keys) -> str:
    if not keys.absent:
        return _existing(keys)
    ids = "1 id that does" if keys.absent == 1 else f"{keys.absent:,} ids that do"
    return f"{_existing(keys)}, and {100 * keys.absent_share:g} % of all requests for {ids} not exist"


def _existing(keys: Keys) -> str:
    shift = keys.shift
    then = "" if shift is None else f", shifted by {shift.by:,} at {shift.at_s:g} s"
    return _popular(keys) + then


def _popular(keys: Keys) -> str:
    count = "1 key" if keys.count == 1 else f"{keys.count:,} keys"
    if keys.hot_share is not None:
        return f"{count} ({100 * keys.hot_share:g} % of the requests to one)"
    if keys.measured is not None:
        return f"{count} (popularity as measured: {100 * max(keys.measured):.2g} % of the requests to one)"
    return count if keys.zipf is None else f"{count} (popularity by Zipf's law, exponent {keys.zipf:g})"
