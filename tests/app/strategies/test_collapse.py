"""Collapsing in the pod alone: as many loads per expiry as pods that are asked meanwhile."""

from collections import Counter

import pytest

from app.strategies.collapse import Collapse
from app.strategy import Status
from loadtest.contract.origin import ORIGIN_S
from loadtest.contract.world import ContractWorld, play
from loadtest.sim.cluster.simulate import simulate
from loadtest.theory.formulas import pod_herd
from loadtest.workload.scenario import Scenario

READERS, PODS, SEEDS = 100, 3, (1, 2, 3)
RATE_PER_S, KEYS, LOAD_S = 300.0, 20, 0.2


@pytest.mark.parametrize("pods", [1, PODS])
def test_each_pod_that_is_asked_loads_once_and_the_others_of_it_are_woken(pods: int) -> None:
    async def story(world: ContractWorld) -> None:
        replies = await world.herd(READERS)
        assert len(world.origin.loads) == pods
        assert Counter(reply.status for reply in replies) == {Status.MISS: pods, Status.COLLAPSED: READERS - pods}
        assert {reply.answered_s for reply in replies} == {ORIGIN_S}
        assert world.events["lock taken"] == 0

    play(Collapse, story, pods=pods, poll_ms=10_000)  # they are woken: no poll comes in time


@pytest.mark.parametrize("pods", [1, PODS])
def test_loads_per_expiry_are_those_of_the_formula(pods: int) -> None:
    """At three pods the formula gives 2.26 loads, neither one nor one for each pod."""
    scenario = Scenario.model_validate(
        {
            "name": "collapse", "title": "keys that not every pod is asked for during a load", "duration_s": 60,
            "pods": pods, "load": {"loop": "open", "rate_per_s": RATE_PER_S}, "keys": {"count": KEYS},
            "cache": {"ttl_s": 5}, "origin": {"latency": f"fixed({LOAD_S * 1000:g})", "connections": 64},
        }
    )  # fmt: skip
    rows = [simulate(scenario, Collapse, seed).row for seed in SEEDS]
    expiries = sum(row.stampedes["hot"]["count"] for row in rows)
    loads = sum(row.stampedes["hot"]["count"] * row.stampedes["hot"]["mean"] for row in rows)
    told = f"seeds {SEEDS}: {loads:.0f} loads at {expiries} expiries"
    assert expiries > 500, told
    assert loads / expiries == pytest.approx(pod_herd(RATE_PER_S / KEYS, LOAD_S, pods), rel=0.05), told
