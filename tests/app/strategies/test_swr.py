import asyncio
from itertools import pairwise

import pytest

from app.strategies.swr import StaleWhileRevalidate
from app.strategy import LoadReason, Status
from loadtest.contract.origin import ITEMS, ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play

EXPIRIES, READERS, STALE_S = 6, 100, 5.0


@pytest.mark.parametrize("cache_latency_s", [0.0, 0.004])
def test_swr_never_blocks_after_warm_up_and_loads_once_per_expiry(cache_latency_s: float) -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        for expiry in range(1, EXPIRIES + 1):
            await asyncio.sleep(TTL_S + 0.1)
            replies = await world.herd(READERS, spread_s=0.15)
            assert {reply.status for reply in replies} == {Status.STALE}
            assert max(reply.took_s for reply in replies) == pytest.approx(cache_latency_s)  # the GET, and nothing else
            await asyncio.sleep(ORIGIN_S)
            assert (await world.ask()).status == Status.HIT
            assert len(world.origin.loads) == 1 + expiry
        assert {load.reason for load in world.origin.loads[1:]} == {LoadReason.REFRESH}

    play(StaleWhileRevalidate, story, cache_latency_s=cache_latency_s)


def test_swr_under_steady_traffic_answers_at_once() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await world.traffic(for_s=EXPIRIES * (TTL_S + ORIGIN_S), items=[0])
        assert {reply.took_s for reply in world.replies[1:]} == {0.0}
        assert len(world.origin.loads) == 1 + EXPIRIES

    play(StaleWhileRevalidate, story)


def test_stale_is_served_to_the_end_of_the_window_and_not_beyond() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        world.origin.fail()  # nothing replaces the entry
        await asyncio.sleep(TTL_S + STALE_S - 0.01)
        assert (await world.ask(pod=1)).status == Status.STALE
        await asyncio.sleep(0.02)
        assert (await world.ask(pod=2)).code == 503

    play(StaleWhileRevalidate, story, params={"swr": {"stale_s": STALE_S}})


def test_a_failing_refresh_is_tried_again_only_after_a_pause() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await asyncio.sleep(TTL_S)
        world.origin.fail()
        await world.traffic(for_s=3.0, items=[0])
        assert {reply.code for reply in world.replies} == {200}
        one_pod = [load.began_s for load in world.origin.loads[1:] if load.pod == "pod-0"]
        assert len(one_pod) >= 2
        assert min(later - sooner for sooner, later in pairwise(one_pod)) >= 1.0 + ORIGIN_S

    # with the pods' shared failure it would be another pod's turn each time
    play(StaleWhileRevalidate, story, refresh_pause_ms=1_000, nets={"failure_mark_ms": 0})


def test_an_absence_is_not_served_stale() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask(ITEMS)
        await asyncio.sleep(1.01)
        assert (await world.ask(ITEMS)).status == Status.MISS

    play(StaleWhileRevalidate, story, negative_ttl_s=1.0)
