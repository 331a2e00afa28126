"""The tolerances of a run: its latencies, clocks and faults make some things unavoidable."""

import math
from dataclasses import dataclass

from app.latency import Latency
from app.strategy import Strategy
from loadtest.workload import faults
from loadtest.workload.answer_check import CLOCKS_APART_S, AnswerCheck
from loadtest.workload.scenario import Scenario

SETTLE_S = 20.0
"""After the last answer: in which whatever is under way ends, a lock wait and then a load."""
POLL_STRETCH_MAX = 1.5
"""By which the time between two polls is drawn, see `app.flights`."""
EPOCH_S = 2 * 86_400.0
"""The time by all clocks when a run begins in which some are set: further from 0 than they may be set back."""

CLOCKS = (faults.ClockApart, faults.CacheClockApart)
_PARTING = (
    faults.CacheUnreachable,
    faults.CacheSlow,
    faults.CachePaused,
    faults.CacheRefuses,
    faults.CacheResets,
    faults.ConnectionsDead,
    faults.PodPaused,
)
"""Faults in which pods load for themselves, and are then back at what the cache has had since before."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The tolerances of one run, in seconds."""

    late_s: float
    """How long a notification, or a reply, may travel."""
    skew_s: float
    """How much older than its age what a wrong clock has dated may be."""
    deadline_s: float
    """The longest that a request may take."""
    promise_s: float = math.inf
    """How old an answer of the cache may be."""
    poll_s: float = 0.0
    """How seldom a waiter looks by itself."""
    back_s: float = 0.0
    """For how long pods may go without news of each other."""
    reads_max: int | None = None
    """How many connections to the origin the pods share, where they share some."""


def has_wrong_clocks(scenario: Scenario) -> bool:
    return any(isinstance(fault, CLOCKS) for fault in scenario.faults)


def epoch_s(scenario: Scenario) -> float:
    """The right time when the run begins."""
    return EPOCH_S if has_wrong_clocks(scenario) else 0.0


def new_check(scenario: Scenario, strategy: type[Strategy], seed: int) -> AnswerCheck:
    """The check of each answer, with the tolerances that this scenario's latencies, clocks and faults need. Clients go
    by the cache's clock."""
    settings = scenario.pod_settings(seed, "pod-1")
    stretched = any(isinstance(fault, faults.OriginSlow | faults.OriginHangs) for fault in scenario.faults)
    longest_ms = math.inf if stretched else Latency.parse(scenario.origin.latency).longest_ms
    slower_ms = sum(fault.ms for fault in scenario.faults if isinstance(fault, faults.CacheSlow))
    paused_s = sum(fault.for_s for fault in scenario.faults if isinstance(fault, faults.PodPaused))
    load_s = (min(longest_ms, settings.origin_timeout_ms) + settings.redis_timeout_ms + slower_ms) / 1000 + paused_s
    check = AnswerCheck(load_s, CLOCKS_APART_S + sum(_steps_s(scenario)))
    check.promise({strategy.name: scenario.stated(strategy).oldest_s()})
    check.clock(epoch_s(scenario))
    return check


def _steps_s(scenario: Scenario) -> list[float]:
    """By which clocks are set."""
    return [abs(fault.by_s) for fault in scenario.faults if isinstance(fault, CLOCKS)]


def allowed_in(scenario: Scenario, strategy: type[Strategy], seed: int) -> Allowed:
    """The tolerances that this scenario's latencies, clocks and faults need."""
    settings = scenario.pod_settings(seed, "pod-1")
    timeout_s, pause_s = settings.redis_timeout_ms / 1000, settings.redis_pause_ms / 1000
    network_s = Latency.parse(scenario.virtual.network).longest_ms / 1000
    slower_ms = max((fault.ms for fault in scenario.faults if isinstance(fault, faults.CacheSlow)), default=0.0)
    late_s = (Latency.parse(scenario.virtual.redis).longest_ms + slower_ms) / 1000
    # what is set by an hour comes true in no run that is shorter than that
    skew_s = sum(step_s for step_s in _steps_s(scenario) if step_s < scenario.duration_s + SETTLE_S)
    paused_s = sum(fault.for_s for fault in scenario.faults if isinstance(fault, faults.PodPaused))
    deadline_s = max(settings.wait_ms_max, settings.origin_timeout_ms) / 1000 + 4 * timeout_s + 2 * network_s + paused_s
    is_behind = scenario.load.loop == "closed" and scenario.load.rate_per_s is not None
    if scenario.virtual.service_us or is_behind:
        # a pod whose CPU is full has a queue without end; a user who is behind its timetable asks later than intended
        deadline_s = math.inf
    apart_s = (fault.for_s + timeout_s + pause_s for fault in scenario.faults if isinstance(fault, _PARTING))
    back_s = sum(apart_s) + (1 + settings.redis_retries) * late_s + 2 * network_s
    promise_s = scenario.stated(strategy).oldest_s()
    poll_s = POLL_STRETCH_MAX * settings.poll_ms / 1000
    return Allowed(late_s, skew_s, deadline_s, promise_s, poll_s, back_s, scenario.connections_shared)
