"""Leases: at most one load per key and period, whatever happens, and no write of a load that a delete has overtaken."""

import asyncio
import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from app.strategies.lease import TokenLease
from app.strategy import LoadReason, Status
from loadtest.contract.origin import ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play
from loadtest.sim.cluster.events import OriginAsked, Subscriber
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario

PERIOD_S, STALE_S, READERS, KEYS = 1.0, 5.0, 100, 3
KEY, OLD = "lab:lease:0", "lab:lease:0:old"
WAITS: dict[str, float | str] = {"stale_s": 0.0}

WHATEVER: dict[str, dict[str, Any]] = {
    "deletes in a tight loop": {},
    "one pod": {"pods": 1},
    "nothing old answers": {"params": {"lease": WAITS}},
    "loads fail": {"faults": [{"kind": "origin-fails", "at_s": 2, "for_s": 6, "share": 0.5}]},
    "loads take longer than a period": {"origin": {"latency": "uniform(500, 2500)", "connections": 64}},
    "loads take longer than a lease": {"origin": {"latency": "fixed(3500)", "connections": 64}},
    "pods are killed and paused": {
        "faults": [
            {"kind": "pod-killed", "at_s": 2.1, "for_s": 1, "pod": 0},
            {"kind": "pod-paused", "at_s": 5.05, "for_s": 4, "pod": 1},
        ]
    },
}


@pytest.mark.parametrize("name", WHATEVER)
def test_there_is_at_most_one_load_per_key_and_period_whatever_happens(name: str) -> None:
    """Each of three keys is deleted some twenty times a second, and asked for a hundred times."""
    stated: dict[str, Any] = {
        "name": "leases", "title": "keys that are deleted all the time", "duration_s": 12, "pods": 3,
        "load": {"loop": "open", "rate_per_s": 300}, "keys": {"count": KEYS}, "cache": {"ttl_s": 5},
        "origin": {"latency": "fixed(200)", "connections": 64}, "writes": {"rate_per_s": 60},
    }  # fmt: skip
    asked_s = defaultdict(list)
    scenario = Scenario.model_validate(stated | WHATEVER[name])

    def note(event: OriginAsked) -> None:
        asked_s[event.key].append(asyncio.get_running_loop().time())

    simulated = simulate(scenario, TokenLease, 1, observers=[Subscriber({OriginAsked: note})])
    assert simulated.violation is None
    assert len(asked_s) == KEYS
    for key, moments_s in asked_s.items():
        assert len(moments_s) >= 3, f"{key} has to be loaded now and then"
        least_s = min(later - sooner for sooner, later in pairwise(moments_s))
        assert least_s >= PERIOD_S - 1e-6, f"{key} was loaded again after {least_s:.3f} s (seed 1)"


def test_the_write_of_a_load_begun_before_a_delete_is_refused_and_the_old_value_answers_until_the_period_is_over() -> (
    None
):
    async def story(world: ContractWorld) -> None:
        first = (await world.ask()).body["load"]
        await asyncio.sleep(PERIOD_S)
        world.server.delete(KEY)
        late = asyncio.create_task(world.ask())
        await asyncio.sleep(ORIGIN_S / 2)
        assert {(reply.status, reply.body["load"]) for reply in await world.herd(READERS)} == {(Status.STALE, first)}
        world.server.delete(KEY)  # in mid-load
        assert (await late).status == Status.MISS
        assert world.server.get(KEY) is None
        second = (await late).body["load"]
        assert {(reply.status, reply.body["load"]) for reply in await world.herd(READERS)} == {(Status.STALE, second)}
        await asyncio.sleep(PERIOD_S)
        assert (await world.ask()).status == Status.MISS
        assert (await world.ask()).status == Status.HIT
        assert [load.reason for load in world.origin.loads] == [LoadReason.MISS, LoadReason.REFRESH, LoadReason.REFRESH]

    play(TokenLease, story)


def test_at_an_expiry_one_request_loads_and_the_others_are_answered_at_once() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        for expiry in range(1, 4):
            await asyncio.sleep(TTL_S)
            replies = await world.herd(READERS, spread_s=0.9 * ORIGIN_S)
            assert [reply.status for reply in replies] == [Status.MISS, *[Status.STALE] * (READERS - 1)]
            assert {reply.took_s for reply in replies[1:]} == {0.0}
            assert len(world.origin.loads) == 1 + expiry

    play(TokenLease, story)


def test_without_an_old_value_the_others_wait_until_they_are_woken() -> None:
    async def story(world: ContractWorld) -> None:
        replies = await world.herd(READERS)
        assert [reply.status for reply in replies] == [Status.MISS, *[Status.COLLAPSED] * (READERS - 1)]
        assert {reply.answered_s for reply in replies} == {ORIGIN_S}
        world.server.delete(KEY)
        replies = await world.herd(READERS)
        assert {reply.status for reply in replies} == {Status.MISS, Status.COLLAPSED}
        assert len(world.origin.loads) == 2

    play(TokenLease, story, params={"lease": WAITS}, poll_ms=10_000)


def test_a_failed_load_is_followed_by_none_before_the_period_is_over() -> None:
    async def story(world: ContractWorld) -> None:
        world.origin.fail()
        asked = asyncio.create_task(world.herd(READERS, spread_s=0.5 * ORIGIN_S))
        await asyncio.sleep(ORIGIN_S + 0.01)
        world.origin.recover()
        replies = await asked
        assert [reply.code for reply in replies] == [503, *[200] * (READERS - 1)]
        assert [load.began_s for load in world.origin.loads][1] >= PERIOD_S
        assert len(world.origin.loads) == 2

    play(TokenLease, story)


def test_who_waits_in_vain_is_turned_away_in_time() -> None:
    async def story(world: ContractWorld) -> None:
        world.origin.fail()
        replies = await world.herd(READERS)
        assert {reply.code for reply in replies} == {503}
        assert max(reply.took_s for reply in replies) <= 1.0 + ORIGIN_S
        assert len(world.origin.loads) <= math.ceil(1.0 / PERIOD_S) + 1

    play(TokenLease, story, wait_ms_max=2_000)
