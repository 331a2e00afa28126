"""The moment from which on a run has to be well again, where its load leaves the origin room for that.

Theory says when no backlog feeds itself: see `loadtest.theory.tipping`. The longest load in health has to fit within
every time-out, too, and all loads at once within limits and queues. Where the longest load has no bound, nothing is
claimed.
"""

import math

from app.nets.nets import Nets
from app.settings import Settings
from app.strategy import Strategy
from loadtest.sim.cluster.tolerances import HALF_OPEN_S, Allowed
from loadtest.theory.tipping import attempts_max, capacity_per_s, collapsed_max, feeds_itself_from_per_s
from loadtest.workload import faults
from loadtest.workload.scenario import Scenario
from loadtest.workload.trigger import trigger_of

ROOM = 3.0
"""The capacity of the origin over the load with all attempts, from which on queues stay short."""
QUEUED_LOADS = 10
"""The loads that one waits for at most in such a queue."""
COMMANDS_S = 0.3
"""The time for a request's commands to a quick Redis and for its ways, seconds."""
AFTER_S = 1.0
"""Seconds for what comes after the last fault: a pause for Redis, a start of a pod, an answer on its way."""
BURST_MIN = 30
"""The tokens of a rate limit that no coincidence of arrivals uses up."""


def well_from_s(scenario: Scenario, strategy: type[Strategy], allowed: Allowed) -> float:
    """The seconds of the load from which on every request is to be answered well; infinite where that is not claimed.

    With a circuit breaker it is half of them: a breaker that has seen no load since lets but probes through.
    """
    settings = scenario.pod_settings(seed=0, pod="any")
    pause_s = scenario.stated(strategy).mechanism().pause_s
    load_s = _load_s_max(scenario, strategy, settings)
    if not allowed.is_cache_well or scenario.virtual.service_us or scenario.virtual.load_us:
        return math.inf
    if load_s + COMMANDS_S > _patience_s(scenario, strategy, settings) or not _fit(scenario, strategy):
        return math.inf
    waits_s = min(
        _waits_s(scenario, settings), settings.wait_ms_max / 2000
    )  # half of it is for a load without the cache
    if pause_s and (pause_s + load_s + COMMANDS_S > waits_s or scenario.writes is not None):
        return math.inf  # a load that a delete overtakes answers one request, and the next begins a pause later
    open_s = longest_open_s(scenario.nets)
    slow = [fault.times for fault in scenario.faults if isinstance(fault, faults.OriginSlow)]
    slowed_s = max(slow, default=1.0) * load_s
    drained_s = _backlog_s(scenario, open_s) if collapsed_max(scenario, strategy) is None else 0.0
    ended_s = settings.origin_timeout_ms / 1000 + settings.lease_ms / 1000 + scenario.nets.failure_mark_ms / 1000
    ended_s += settings.grace_s if any(isinstance(one, faults.PodTerminated) for one in scenario.faults) else 0.0
    ended_s += pause_s
    half_open_s = HALF_OPEN_S if scenario.virtual.wire else 0.0
    return calm_from_s(scenario) + ended_s + open_s + slowed_s + drained_s + half_open_s + AFTER_S


def calm_from_s(scenario: Scenario) -> float:
    """The end of the last fault and of the load's spike, in seconds of the load; 0 without any."""
    triggers = (trigger_of(scenario.faults, scenario.load), trigger_of((), scenario.load))
    return max((trigger.end_s for trigger in triggers if trigger is not None), default=0.0)


def _rate_per_s(scenario: Scenario) -> float:
    """The rate after the spike, with all attempts that there may be."""
    load = scenario.load
    rate_per_s = load.rate_per_s or (load.users or 0) / (load.think_s or math.inf)
    shares = [span.rate_share for span in load.spans(scenario.duration_s) if not span.is_trigger]
    return rate_per_s * max(shares, default=1.0) * attempts_max(scenario.client)


def _load_s_max(scenario: Scenario, strategy: type[Strategy], settings: Settings) -> float:
    """The longest load in health, its wait for a connection included, seconds; infinite where there is no bound."""
    longest_s = scenario.origin.longest_ms / 1000
    connections = min(settings.origin_connections, scenario.connections_together)
    if (collapsed := collapsed_max(scenario, strategy)) is not None:
        return (collapsed // connections + 1) * longest_s
    if scenario.load.users is not None:
        return (scenario.load.users // connections + 1) * longest_s
    feeds_from_per_s = feeds_itself_from_per_s(scenario, strategy)
    has_room = ROOM * _rate_per_s(scenario) <= capacity_per_s(scenario)
    is_fed = feeds_from_per_s is not None and _rate_per_s(scenario) > feeds_from_per_s
    return QUEUED_LOADS * longest_s if has_room and not is_fed else math.inf


def _patience_s(scenario: Scenario, strategy: type[Strategy], settings: Settings) -> float:
    """The shortest of all time-outs that a load may meet, seconds; who waits for an entry has to find it fresh."""
    outlives_s = math.inf
    if collapsed_max(scenario, strategy) is not None:
        outlives_s = min(scenario.cache.ttl_s, settings.negative_ttl_s if scenario.keys.absent else math.inf) / 2
    return min(_waits_s(scenario, settings), outlives_s + COMMANDS_S)


def _waits_s(scenario: Scenario, settings: Settings) -> float:
    """The shortest of the time-outs that a request may meet, seconds."""
    hard_ms = scenario.nets.hard_timeout_ms or math.inf
    timeout_ms = min(settings.origin_timeout_ms, settings.wait_ms_max, hard_ms)
    return min(timeout_ms / 1000, scenario.client.timeout_s or math.inf)


def _backlog_s(scenario: Scenario, open_s: float) -> float:
    """The time in which the origin works off what a trigger has left: reads in its queue, and retries to come."""
    client, load = scenario.client, scenario.load
    times = [getattr(load.shape, "to_share", 1.0), *(phase.rate_share for phase in load.phases), 1.0]
    retried_s = client.retries * (client.cap_s + scenario.nets.failure_mark_ms / 1000 + open_s + AFTER_S)
    return retried_s + calm_from_s(scenario) * max(times) / (ROOM - 1)


def _fit(scenario: Scenario, strategy: type[Strategy]) -> bool:
    """Whether limits and queues let everything through that is asked for in health."""
    nets, load, virtual = scenario.nets, scenario.load, scenario.virtual
    if load.loop == "closed" and nets.rate_limit_per_client_per_s is not None:
        return False
    if not _lets_through(nets, _rate_per_s(scenario) / scenario.pods):
        return False
    reads = _reads_max(scenario, strategy)
    if nets.limit is not None and nets.limit.least < reads:
        return False
    if nets.queue_max is not None and nets.queue_max < reads:
        return False
    return collapsed_max(scenario, strategy) is None or virtual.redis_entries_max is None


def _reads_max(scenario: Scenario, strategy: type[Strategy]) -> float:
    """The most reads at once in health."""
    if (collapsed := collapsed_max(scenario, strategy)) is not None:
        return collapsed
    if scenario.load.users is not None:
        return scenario.load.users
    return QUEUED_LOADS + ROOM * _rate_per_s(scenario) * scenario.origin.longest_ms / 1000


def _lets_through(nets: Nets, rate_per_s: float) -> bool:
    """Whether a pod's rate limit, where it has one, is far above that rate."""
    limit_per_s = nets.rate_limit_per_s
    return limit_per_s is None or limit_per_s >= max(ROOM * rate_per_s, BURST_MIN / nets.burst_s)


def longest_open_s(nets: Nets) -> float:
    """The longest time for which a circuit breaker stays open, seconds; 0 without one."""
    return 0.0 if nets.breaker is None else max(nets.breaker.open_s, nets.breaker.open_s_max or 0.0)
