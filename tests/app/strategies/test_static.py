import asyncio

from app.strategies.static import Static
from app.strategy import LoadReason, Status
from loadtest.contract.origin import ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play

EXPIRIES, READERS = 6, 100


def test_static_loads_once_per_reader_in_the_herd() -> None:
    async def story(world: ContractWorld) -> None:
        for expiry in range(1, EXPIRIES + 1):
            replies = await world.herd(READERS, spread_s=0.9 * ORIGIN_S)
            assert {reply.status for reply in replies} == {Status.MISS}
            assert len(world.origin.loads) == expiry * READERS
            await asyncio.sleep(TTL_S + ORIGIN_S)
        assert {load.reason for load in world.origin.loads} == {LoadReason.MISS}

    play(Static, story)


def test_static_hits_from_the_first_store_to_the_end_of_the_ttl() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await asyncio.sleep(TTL_S - 0.01)
        assert (await world.ask(pod=1)).status == Status.HIT
        await asyncio.sleep(0.02)
        assert (await world.ask(pod=1)).status == Status.MISS

    play(Static, story)


def test_static_takes_no_lock() -> None:
    async def story(world: ContractWorld) -> None:
        await world.herd(READERS)
        assert world.events["lock taken"] + world.events["lock refused"] == 0

    play(Static, story)
