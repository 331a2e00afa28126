"""The load from which an outage can feed itself: the offered load with retries against the origin's capacity."""

from app.latency import Latency
from app.strategy import MechanismKind, Strategy
from loadtest.workload.client import ClientTable
from loadtest.workload.scenario import Scenario

_COLLAPSED = frozenset({MechanismKind.COLLAPSE, MechanismKind.STALE, MechanismKind.EARLY})


def capacity_per_s(scenario: Scenario) -> float:
    """The reads per second that the origin ends while all its connections are in use, slowed down as far as they do."""
    latency_s, connections = Latency.parse(scenario.origin.latency).mean_ms / 1000, scenario.connections_together
    slowdown = scenario.origin.slowdown
    return connections / latency_s if slowdown is None else slowdown.reads_per_s(connections, latency_s)


def attempts_max(client: ClientTable) -> float:
    """The attempts per request while every one of them fails: retries, within their budget."""
    return 1 + (client.retries if client.budget is None else min(client.retries, client.budget))


def backlog_max(scenario: Scenario, strategy: type[Strategy]) -> int:
    """The most reads that can queue at the origin: one per key where loads are collapsed, else all that pods let in."""
    settings = scenario.pod_settings(seed=0, pod="any")
    of_pods = scenario.pods * (settings.origin_connections + settings.origin_queue_max)
    return min(of_pods, scenario.keys.ids) if is_collapsed(scenario, strategy) else of_pods


def is_collapsed(scenario: Scenario, strategy: type[Strategy]) -> bool:
    """Whether a strategy loads each id at most once at a time, over all pods."""
    return scenario.stated(strategy).mechanism().kind in _COLLAPSED


def feeds_itself_from_per_s(scenario: Scenario, strategy: type[Strategy]) -> float | None:
    """The requests per second above which an outage of a strategy may outlive its trigger; None where no load does.

    A backlog feeds itself where it is longer than the origin can work off within the time-out of a load. Its reads end
    too late to be stored. Nothing is in the cache then, and each attempt asks for a read: `attempts_max` for a request.
    Below the line the origin has room for all of them, and every backlog ends. Above, the backlog stays, if the trigger
    was long enough to build it.

    Source: Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021.
    """
    capacity = capacity_per_s(scenario)
    if backlog_max(scenario, strategy) <= capacity * scenario.origin.timeout_ms / 1000:
        return None
    return capacity / attempts_max(scenario.client)
