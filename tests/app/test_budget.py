"""A cache that is slow, though quick enough for each command, costs a request no more than one that is dead."""

import asyncio

import pytest

from app.discovery import discover
from app.strategy import Strategy
from app.tasks import RESTART_S, Tasks
from loadtest.contract.origin import ORIGIN_S
from loadtest.contract.world import ContractWorld, play
from loadtest.sim.kernel import loop

BUDGET_S = 0.25


@pytest.mark.parametrize("strategy", discover().strategies.values(), ids=discover().strategies)
def test_all_cache_work_of_a_request_has_one_budget(strategy: type[Strategy]) -> None:
    async def story(world: ContractWorld) -> None:
        for _ in range(3):
            for reply in await world.herd(30, spread_s=0.5):
                assert reply.code == 200
                assert reply.took_s <= BUDGET_S + ORIGIN_S + 0.05, reply

    play(strategy, story, cache_latency_s=0.2)


def test_a_task_that_must_live_begins_again_and_each_death_is_counted() -> None:
    async def main() -> None:
        died: list[str] = []
        begun_s: list[float] = []

        async def mortal() -> None:
            begun_s.append(asyncio.get_running_loop().time())
            if len(begun_s) < 3:
                raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no key")
            await asyncio.Event().wait()

        tasks = Tasks(died.append)
        tasks.keep(mortal, "notifications")
        await asyncio.sleep(100 * RESTART_S)
        assert len(begun_s) == 3
        assert died == ["notifications"] * 2
        await tasks.aclose()

    loop.run(main())
