"""The tolerances of a run, which its latencies, clocks and faults make necessary."""

import math
from dataclasses import dataclass

from app.latency import Latency
from app.lookout import LOOKS_PER_TIMEOUT
from app.nets.nets import Nets
from app.settings import Settings
from app.strategy import Strategy
from loadtest.sim.wire.surroundings import EPOCH_S as LIBRARIES_EPOCH_S
from loadtest.workload import faults
from loadtest.workload.answer_check import CLOCKS_APART_S, AnswerCheck
from loadtest.workload.client import ClientTable
from loadtest.workload.scenario import Scenario

SETTLE_S = 20.0
"""Seconds after the last answer in which everything under way ends: a lock wait and then a load."""
POLL_STRETCH_MAX = 1.5
"""The factor up to which the time between two polls is drawn, see `app.flights`."""
EPOCH_S = 2 * 86_400.0
"""The time by all clocks at the start of a run in which clocks are set: more than they may be set back."""

CLOCKS = (faults.ClockApart, faults.CacheClockApart)
PARTING = (
    faults.CacheUnreachable,
    faults.CacheSlow,
    faults.CachePaused,
    faults.CacheRefuses,
    faults.CacheResets,
    faults.CacheSilent,
    faults.CacheSliced,
    faults.CacheReadsSlowly,
    faults.CacheFull,
    faults.ConnectionsDead,
    faults.ConnectionsLost,
    faults.PodPaused,
)
"""The faults in which commands may fail: pods load by themselves, and later return to older entries of the cache."""

HALF_OPEN_S = 5.0
"""Seconds in which a pod has given up a half-open connection, on which it may send but one command a second."""
ROUNDING_S = 1e-6
SLICED_BYTES = 1_024
"""The bytes of the notifications that may arrive in pieces one behind the other: about ten."""
A_MILLISECOND_S = 0.001
LOOKS = 3
"""The looks at the entry in one answer, each of which the service's own client ends late by up to one of its looks."""

QUICK_MS = 2.0
"""The longest time of a command with which the commands of one request, polls too, are within its budget."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The tolerances of one run, in seconds."""

    late_s: float
    """The longest way of a notification or a reply."""
    skew_s: float
    """The excess over its stated age of an item that a wrong clock has dated."""
    deadline_s: float
    """The longest duration of a request."""
    promise_s: float = math.inf
    """The greatest age of an answer of the cache."""
    poll_s: float = 0.0
    """The longest time between two polls of a waiter."""
    back_s: float = 0.0
    """The longest time for which pods may be without news of each other."""
    reads_max: int | None = None
    """The number of connections to the origin that the pods share; None where they share none."""
    stale_if_error_s: float = 0.0
    """The window in which an entry past its time may answer where a load fails."""
    mark_s_max: float = 0.0
    """The length of the mark of a failed load."""
    lag_s: float = 0.0
    """The longest time for which a pod may go on with a copy of what has been replaced."""
    pod_s: float = math.inf
    """The longest time from the arrival of an attempt at its pod to the answer, where there is a hard time-out."""
    warmers: frozenset[str] = frozenset()
    """The names of the warmers, whose locks a strategy without locks knows nothing of."""
    dated_s: float = 0.0
    """The error of the clock by which a pod dates what it reads: it has asked Redis, and the ways are unequal."""
    lease_s: float = 0.0
    """The leeway of a lease: Redis counts whole milliseconds, and the simulated cache does not."""
    is_cache_well: bool = False
    """Whether no command may fail by itself: Redis is quick and takes all, and a new pod knows the time at once."""


def has_wrong_clocks(scenario: Scenario) -> bool:
    return any(isinstance(fault, CLOCKS) for fault in scenario.faults)


def epoch_s(scenario: Scenario, strategy: type[Strategy]) -> float:
    """The right time when the run begins, seconds: a date of today for libraries, which read a clock."""
    if strategy.over_the_wire:
        return LIBRARIES_EPOCH_S
    return EPOCH_S if has_wrong_clocks(scenario) else 0.0


def new_check(scenario: Scenario, strategy: type[Strategy], seed: int) -> AnswerCheck:
    """The check of every answer, by the cache's clock, with the tolerances that this scenario needs."""
    settings = scenario.pod_settings(seed, "pod-1")
    stretched = any(isinstance(fault, faults.OriginSlow | faults.OriginHangs) for fault in scenario.faults)
    longest_ms = math.inf if stretched else scenario.origin.longest_ms
    slower_ms = sum(fault.ms for fault in scenario.faults if isinstance(fault, faults.CacheSlow))
    stopped_s = _queue_s_max(scenario) + _stopped_s(scenario)
    load_s = (min(longest_ms, settings.origin_timeout_ms) + settings.redis_timeout_ms + slower_ms) / 1000 + stopped_s
    check = AnswerCheck(load_s, CLOCKS_APART_S + sum(_steps_s(scenario)))
    stated = scenario.stated(strategy)
    check.promise({strategy.name: stated.oldest_s()}, scenario.nets.stale_if_error_s, {strategy.name: stated.lag_s()})
    check.clock(epoch_s(scenario, strategy))
    check.existing(scenario.keys.count)
    return check


def _steps_s(scenario: Scenario) -> list[float]:
    """The steps by which clocks are set, seconds."""
    return [abs(fault.by_s) for fault in scenario.faults if isinstance(fault, CLOCKS)]


def _stopped_s(scenario: Scenario) -> float:
    """The longest time for which the code of a pod does not run because of faults."""
    return sum(fault.for_s for fault in scenario.faults if isinstance(fault, faults.PodPaused | faults.LoopBlocked))


def _queue_s_max(scenario: Scenario) -> float:
    """The longest queue for a pod's CPU, seconds: none, or one without end."""
    return math.inf if scenario.virtual.service_us or scenario.virtual.load_us else 0.0


def _with_retries_s(client: ClientTable, deadline_s: float) -> float:
    """The longest duration of a request whose attempts are each answered within `deadline_s`, or abandoned."""
    each_s = deadline_s if client.timeout_s is None else min(deadline_s, client.timeout_s)
    return (1 + client.retries) * each_s + client.delays_s_max + ROUNDING_S


def _pod_s_max(nets: Nets, settings: Settings) -> float:
    """The longest time of a pod for an answer with a hard time-out, and two looks for an old entry; else infinite."""
    if nets.hard_timeout_ms is None:
        return math.inf
    look_ms = settings.cache_budget_ms
    soft_ms = 0.0 if nets.soft_timeout_ms is None else nets.soft_timeout_ms + look_ms
    return (max(nets.hard_timeout_ms, soft_ms) + (look_ms if nets.stale_if_error_s else 0.0)) / 1000 + ROUNDING_S


def _warmers(scenario: Scenario) -> int:
    return 0 if scenario.warming is None else scenario.warming.warmers


def allowed_in(scenario: Scenario, strategy: type[Strategy], seed: int) -> Allowed:
    """The tolerances for this scenario's latencies, clocks and faults."""
    settings = scenario.pod_settings(seed, "pod-1")
    timeout_s, pause_s = settings.redis_timeout_ms / 1000, settings.redis_pause_ms / 1000
    network_s = Latency.parse(scenario.virtual.network).longest_ms / 1000
    slower_ms = max((fault.ms for fault in scenario.faults if isinstance(fault, faults.CacheSlow)), default=0.0)
    sliced_ms = sum(
        fault.ms * math.ceil(SLICED_BYTES / fault.bytes)
        for fault in scenario.faults
        if isinstance(fault, faults.CacheSliced)
    )
    late_s = (Latency.parse(scenario.virtual.redis).longest_ms + slower_ms + sliced_ms) / 1000
    # what is set by an hour comes true in no run that is shorter than that
    skew_s = sum(step_s for step_s in _steps_s(scenario) if step_s < scenario.duration_s + SETTLE_S)
    longest_ms = max(settings.wait_ms_max, settings.origin_timeout_ms)
    if scenario.nets.hard_timeout_ms is not None:
        longest_ms = min(longest_ms, scenario.nets.hard_timeout_ms)
    stopped_s = _stopped_s(scenario) + _queue_s_max(scenario)
    deadline_s = longest_ms / 1000 + 4 * timeout_s + 2 * network_s + stopped_s
    deadline_s = _with_retries_s(scenario.client, deadline_s)
    if scenario.load.loop == "closed" and scenario.load.rate_per_s is not None:
        deadline_s = math.inf  # a user who is behind its timetable asks later than intended
    parting = [getattr(fault, "for_s", HALF_OPEN_S) for fault in scenario.faults if isinstance(fault, PARTING)]
    apart_s = (for_s + timeout_s + pause_s for for_s in parting)
    back_s = sum(apart_s) + (1 + settings.redis_retries) * late_s + 2 * network_s
    promise_s = scenario.stated(strategy).oldest_s()
    poll_s = POLL_STRETCH_MAX * settings.poll_ms / 1000
    virtual = scenario.virtual
    wire = virtual.wire
    is_quick = Latency.parse(virtual.redis).longest_ms <= QUICK_MS
    takes_all = virtual.redis_entries_max is None or virtual.redis_policy != "noeviction"
    return Allowed(
        late_s,
        skew_s,
        deadline_s,
        promise_s,
        poll_s,
        back_s,
        scenario.connections_shared,
        scenario.nets.stale_if_error_s,
        scenario.nets.failure_mark_ms / 1000,
        pod_s=_pod_s_max(scenario.nets, settings)
        + stopped_s
        + (LOOKS * timeout_s / LOOKS_PER_TIMEOUT if wire else 0.0),
        lag_s=scenario.stated(strategy).lag_s(),
        warmers=frozenset(f"pod-{scenario.pods + number + 1}" for number in range(_warmers(scenario))),
        dated_s=late_s + A_MILLISECOND_S if wire else 0.0,
        lease_s=A_MILLISECOND_S if wire else 0.0,
        is_cache_well=takes_all and is_quick and not has_wrong_clocks(scenario),
    )
