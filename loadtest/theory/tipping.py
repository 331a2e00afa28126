"""The load from which an outage can feed itself: the offered load with retries against the origin's capacity."""

from app.latency import Latency
from app.strategy import Strategy
from loadtest.workload.client import ClientTable
from loadtest.workload.scenario import Scenario


def capacity_per_s(scenario: Scenario) -> float:
    """The reads per second that the origin ends while all its connections are in use, slowed down as far as they do."""
    latency_s, connections = Latency.parse(scenario.origin.latency).mean_ms / 1000, scenario.connections_together
    slowdown = scenario.origin.slowdown
    return connections / latency_s if slowdown is None else slowdown.reads_per_s(connections, latency_s)


def attempts_max(client: ClientTable) -> float:
    """The attempts per request while every one of them fails: retries, within their budget."""
    return 1 + (client.retries if client.budget is None else min(client.retries, client.budget))


def backlog_max(scenario: Scenario, strategy: type[Strategy]) -> int:
    """The most reads that can be at the origin: all that pods let in, fewer where the loads of a key are collapsed."""
    of_pods, collapsed = scenario.pods * scenario.loads_held_max, collapsed_max(scenario, strategy)
    return of_pods if collapsed is None else min(of_pods, collapsed)


def collapsed_max(scenario: Scenario, strategy: type[Strategy]) -> int | None:
    """The most loads at once where those of an id are collapsed, over all pods or in each; None where they are not."""
    leaders = scenario.stated(strategy).mechanism().leaders_max(scenario.pods)
    return None if leaders is None else leaders * scenario.keys.ids


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
