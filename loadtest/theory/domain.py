"""The domain of theory: what its formulas assume, as conditions on a scenario.

Outside of it the formulas still give numbers, and wrong ones: silence is better than those. The bounds are those within
which prediction and simulation agree (tests/loadtest/theory/test_domain.py).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from app.latency import Latency
from app.settings import Settings
from app.strategy import MechanismKind
from loadtest.theory.question import SIGMAS, Question

LOAD_PER_TTL_MAX = 0.2
"""The longest load as a share of the least TTL: longer ones overlap with the next expiry."""
TTL_S_MIN = 1.0
"""The least TTL: below it, the second that peaks are counted in holds more than one expiry of a key."""
DRAWN_PAUSE_PER_TTL_MAX, SAME_PAUSE_PER_TTL_MAX = 0.25, 0.03
"""The longest pause of users as a share of the TTL: drawn, or the same for all, who then fall into step."""
USERS_MIN = 20
"""The least number of users, or of timetables, whose requests together look like a Poisson stream."""
LITTLE = 0.05
"""The share of something larger that the formulas may neglect."""
UTILISATION_MAX = 0.3
"""The busy share of a pod's CPU: above, requests queue for longer than they are served."""
SCATTER_MAX = 0.35
"""The standard deviation of a latency in means, where a formula knows the mean only."""
START_SHARE_MAX = 0.02
"""The share of all reads that a queue at a cold start may add."""
CROWD_MAX = 1.5
"""The most loads per connection in a queue at a cold start."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An assumption of the formulas; `unless` says why theory is silent where it does not hold."""

    unless: str
    holds: Callable[[Question], bool]


def _redis_has_room(question: Question) -> bool:
    room = question.scenario.virtual.redis_entries_max
    return room is None or room >= 2 * question.scenario.keys.count  # an entry and a lock for each


def _redis_is_quick(question: Question) -> bool:
    redis = Latency.parse(question.scenario.virtual.redis)
    most_ms = min(LITTLE * question.latency.mean_ms, _default_ms("redis_timeout_ms"))
    return redis.longest_ms == 0 or (
        4 * redis.mean_ms <= most_ms and redis.longest_ms < 0.5 * _default_ms("redis_timeout_ms")
    )


def _default_ms(name: str) -> float:
    return float(Settings.model_fields[name].default)


def _within_time_outs(question: Question) -> bool:
    least_ms = min(question.scenario.origin.timeout_ms, _default_ms("wait_ms_max"))
    return 1 - question.latency.cdf(0.9 * least_ms) < 1e-5


def _warms_at_once(question: Question) -> bool:
    scenario = question.scenario
    if scenario.warm.keys == "none":
        return True
    waves = max(
        math.ceil(math.ceil(scenario.keys.count / scenario.pods) / scenario.origin.connections),
        math.ceil(scenario.keys.count / scenario.connections_together),
    )
    queue = int(Settings.model_fields["origin_queue_max"].default)
    late_s = (waves - 1) * question.load_s
    return late_s <= LITTLE * scenario.cache.ttl_s and scenario.keys.count / scenario.pods <= queue


def _all_are_sent(question: Question) -> bool:
    scenario = question.scenario
    under_way = question.rate_per_s * (question.load_s + question.network_s)
    return scenario.load.loop == "closed" or under_way + SIGMAS * math.sqrt(under_way) <= scenario.load.in_flight_max


def _pods_are_idle(question: Question) -> bool:
    scenario = question.scenario
    service_s, load_cpu_s = scenario.virtual.service_us / 1e6, scenario.virtual.load_us / 1e6
    expiring = min(scenario.keys.count, question.rate_per_s * scenario.cache.ttl_s)
    loads_per_s = (expiring + question.loads_of_all_keys) / scenario.cache.ttl_s
    busy = question.rate_per_s * service_s + loads_per_s * load_cpu_s
    together_s = question.loads_at_once(1) * load_cpu_s  # what a pod needs for loads that end together
    return (
        busy <= UTILISATION_MAX * scenario.pods
        and service_s <= LITTLE * max(question.load_s, question.pause_s)
        and together_s <= LITTLE * question.load_s
    )


def _timetables_are_kept(question: Question) -> bool:
    load = question.scenario.load
    if load.loop == "open" or load.rate_per_s is None:
        return True
    late_s = question.longest_load_s + question.network_s
    return late_s <= question.pause_s


def _users_come_often(question: Question) -> bool:
    drawn = question.scenario.load.think == "exponential"
    often_s = (DRAWN_PAUSE_PER_TTL_MAX if drawn else SAME_PAUSE_PER_TTL_MAX) * question.scenario.cache.ttl_s
    return not question.is_waiting or question.pause_s + question.network_s <= often_s


def _waits_are_alike(question: Question) -> bool:
    scatter = question.latency.deviation_ms / question.latency.mean_ms if question.latency.mean_ms else 0.0
    if (question.is_herd or question.leaders_max > 1) and question.is_waiting:
        return scatter <= LITTLE
    return scatter <= SCATTER_MAX or not (question.is_waiting or question.kind is MechanismKind.EARLY)


def _pool_is_wide(question: Question) -> bool:
    """Whether the pool never queues, or only at a cold start of many keys, each asked for once meanwhile."""
    scenario = question.scenario
    together = scenario.connections_together
    if question.loads_at_once(1) <= scenario.origin.connections and (
        scenario.connections_shared is None or question.loads_at_once(scenario.pods) <= together
    ):
        return True
    crowd = max(1.0, question.loads_of_all_keys / together)
    if scenario.warm.keys != "none" or crowd > CROWD_MAX:
        return False
    asked = question.rate_per_s * scenario.keys.shares() * question.load_s
    reads = float((1 + asked).sum()) * max(1.0, question.duration_s / scenario.cache.ttl_s)
    return float(asked.max()) <= 1 and float(asked.sum()) * (crowd - 1) / 2 <= START_SHARE_MAX * reads


CONDITIONS: tuple[Condition, ...] = (
    Condition("the strategy has no such parameter", lambda asked: asked.mechanism is not None),
    Condition(
        "it knows no formula for this strategy with these parameters",
        lambda asked: asked.kind is not MechanismKind.UNKNOWN,
    ),
    Condition("nothing is asked for", lambda asked: 0 < asked.rate_per_s * asked.duration_s < math.inf),
    Condition("something is broken on purpose", lambda asked: not asked.scenario.faults),
    Condition(
        "the load is not steady",
        lambda asked: asked.scenario.load.shape.kind == "steady" and not asked.scenario.load.phases,
    ),
    Condition("the popularity of keys shifts", lambda asked: asked.scenario.keys.shift is None),
    Condition("items are written", lambda asked: asked.scenario.writes is None),
    Condition("a warmer loads beside the pods", lambda asked: asked.scenario.warming is None),
    Condition("ids are asked for that do not exist", lambda asked: not asked.scenario.keys.absent),
    Condition("the load is a recorded one", lambda asked: asked.scenario.load.trace is None),
    Condition(
        "arrivals at even distances are not random ones",
        lambda asked: asked.scenario.load.loop == "closed" or asked.scenario.load.arrivals == "poisson",
    ),
    Condition("the origin slows with the reads under way", lambda asked: asked.scenario.origin.slowdown is None),
    Condition("a load may take longer than the time-outs", _within_time_outs),
    Condition(
        f"a load may take longer than {LOAD_PER_TTL_MAX:g} of the TTL",
        lambda asked: asked.longest_load_s <= LOAD_PER_TTL_MAX * asked.least_ttl_s,
    ),
    Condition("an entry lives for less than a second", lambda asked: asked.least_ttl_s >= TTL_S_MIN),
    Condition("users are few", lambda asked: (asked.scenario.load.users or math.inf) >= USERS_MIN),
    Condition("users pause for long next to the TTL", _users_come_often),
    Condition("users fall behind their timetables", _timetables_are_kept),
    Condition("loads take unequally long, and the formula knows their mean only", _waits_are_alike),
    Condition("the origin's pool queues", _pool_is_wide),
    Condition("the warm-up queues at the origin's pool", _warms_at_once),
    Condition("requests are left unsent (in_flight_max)", _all_are_sent),
    Condition("Redis takes its time", _redis_is_quick),
    Condition("Redis has no room for all keys", _redis_has_room),
    Condition("pods queue for their CPU", _pods_are_idle),
    Condition(
        "the network takes long next to the users' pauses",
        lambda asked: not asked.is_waiting or asked.network_s <= 4 * LITTLE * asked.pause_s,
    ),
)  # fmt: skip


def why_silent(question: Question) -> str:
    """The reason of the first condition that does not hold; empty where theory speaks."""
    return next((one.unless for one in CONDITIONS if not one.holds(question)), "")
