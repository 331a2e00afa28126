"""The time of a closed loop's users, from their answers alone: each waits for an answer, or thinks.

Answers set the pace, so that no rate is stated. But waiting and thinking add up to the time that the scenario gives the
users, unless the generator held them up.
"""

import math

from loadtest.workload.scenario import Scenario

ACCOUNTED_SHARE_MIN = 0.9
"""The least share of users' time that waits and thinking explain; waking up on a shared machine takes the rest."""
CHANCE_Z = 4.0
"""Standard deviations by which the sum of drawn think times may be less than its mean."""


def unaccounted(scenario: Scenario, requests: int, waited_s: float) -> list[str]:
    """An incident where users neither waited nor thought for more of the run than chance and a busy machine explain.

    `waited_s` is the sum of all latencies. Users on a timetable are left out: they are held to that.
    """
    load = scenario.load
    if load.loop != "closed" or load.think_s is None or load.users is None or not requests:
        return []
    cycle_s = load.think_s + waited_s / requests
    due_s = load.users * (scenario.duration_s - cycle_s)  # the last cycle of each is cut
    accounted_s = waited_s + requests * load.think_s
    if accounted_s >= ACCOUNTED_SHARE_MIN * due_s - CHANCE_Z * load.think_s * math.sqrt(requests):
        return []
    share = 1 - accounted_s / (load.users * scenario.duration_s)
    return [
        f"users neither waited nor thought for {share:.0%} of their time: the generator stood still, or ended early"
    ]
