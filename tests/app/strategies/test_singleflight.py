import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from app.strategies.singleflight import Singleflight
from app.strategy import Status
from loadtest.contract.origin import ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play

EXPIRIES, READERS, PODS = 6, 100, 3


@pytest.mark.parametrize("spread_s", [0.0, 0.15])
@pytest.mark.parametrize("cache_latency_s", [0.0, 0.004])
def test_singleflight_loads_once_per_expiry_over_all_pods(spread_s: float, cache_latency_s: float) -> None:
    async def story(world: ContractWorld) -> None:
        for expiry in range(1, EXPIRIES + 1):
            replies = await world.herd(READERS, spread_s=spread_s)
            assert len(world.origin.loads) == expiry
            assert Counter(reply.status for reply in replies) == {Status.MISS: 1, Status.COLLAPSED: READERS - 1}
            await asyncio.sleep(TTL_S + 0.1)

    play(Singleflight, story, cache_latency_s=cache_latency_s, pods=PODS)


def test_followers_in_every_pod_wait_for_the_rest_of_the_load_and_no_longer() -> None:
    async def story(world: ContractWorld) -> None:
        replies = await world.herd(READERS, spread_s=0.15)
        assert {reply.answered_s for reply in replies} == {ORIGIN_S}

    play(Singleflight, story, poll_ms=10_000)  # they are woken: no poll comes in time


def test_a_pod_has_one_flight_at_the_lock_however_many_readers_wait() -> None:
    async def story(world: ContractWorld) -> None:
        await world.herd(READERS)
        assert world.events["lock taken"] == 1
        assert world.events["lock refused"] == PODS - 1

    play(Singleflight, story, poll_ms=10_000, pods=PODS)


def test_keys_do_not_wait_for_each_other() -> None:
    async def story(world: ContractWorld) -> None:
        await asyncio.gather(*(world.herd(10, item_id=item) for item in range(20)))
        assert len(world.origin.loads) == 20
        assert {reply.answered_s for reply in world.replies} == {ORIGIN_S}

    play(Singleflight, story)


def test_a_leader_that_goes_away_costs_its_followers_nothing() -> None:
    async def story(world: ContractWorld) -> None:
        leader = asyncio.create_task(world.ask())
        await asyncio.sleep(0.05)
        followers = asyncio.create_task(world.herd(READERS))
        await asyncio.sleep(0.05)
        leader.cancel()
        assert {reply.answered_s for reply in await followers} == {ORIGIN_S}
        assert len(world.origin.loads) == 1

    play(Singleflight, story)


def test_an_origin_that_is_down_is_asked_by_one_at_a_time() -> None:
    async def story(world: ContractWorld) -> None:
        world.origin.fail()
        await world.herd(READERS)
        assert {reply.code for reply in world.replies} == {503}
        assert len(world.origin.loads) <= PODS
        periods = sorted((load.began_s, load.ended_s) for load in world.origin.loads)
        for (_, ended_s), (began_s, _) in pairwise(periods):
            assert ended_s is not None
            assert began_s >= ended_s

    play(Singleflight, story, pods=PODS)
