"""A refresh at a fixed share of the TTL: one load over all pods with a lock, and a herd of its own without one."""

import asyncio
import statistics
from itertools import pairwise

import pytest

from app.strategies.early import Early
from app.strategies.static import Static
from app.strategy import LoadReason, Status, Strategy
from loadtest.contract.origin import ITEMS, ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play
from loadtest.figures.run_summary import RunSummary
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import read_scenario

SHARE, READERS, SEEDS = 0.8, 100, (1, 2, 3)


def test_a_hot_key_is_replaced_once_over_all_pods_at_the_share_of_its_ttl() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await world.traffic(for_s=6 * TTL_S, readers=READERS, items=[0])
        assert {reply.status for reply in world.replies[1:]} == {Status.HIT}
        assert {reply.took_s for reply in world.replies[1:]} == {0.0}
        assert {load.reason for load in world.origin.loads[1:]} == {LoadReason.EARLY}
        cycles_s = [later.began_s - sooner.began_s for sooner, later in pairwise(world.origin.loads)]
        assert len(cycles_s) == int(6 / SHARE)
        cycle_s = SHARE * TTL_S + ORIGIN_S  # this origin dates an item when it has been read
        assert all(cycle_s <= one_s < cycle_s + 0.1 for one_s in cycles_s), cycles_s

    play(Early, story)


def test_before_the_threshold_and_for_an_absence_nothing_is_loaded_twice() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await world.ask(ITEMS)
        await asyncio.sleep(SHARE * TTL_S - ORIGIN_S - 0.01)
        await world.herd(READERS)
        assert len(world.origin.loads) == 2
        await asyncio.sleep(TTL_S)  # nobody came at the right moment: both expired
        assert {reply.status for reply in await world.herd(READERS)} == {Status.MISS, Status.COLLAPSED}
        assert len(world.origin.loads) == 3

    play(Early, story, negative_ttl_s=TTL_S)


def test_unlocked_each_reader_past_the_threshold_loads_and_none_of_them_waits() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await asyncio.sleep(SHARE * TTL_S)
        replies = await world.herd(READERS, spread_s=0.9 * ORIGIN_S)
        assert {reply.status for reply in replies} == {Status.HIT}
        assert {reply.took_s for reply in replies} == {0.0}
        await asyncio.sleep(ORIGIN_S)
        assert len(world.origin.loads) == 1 + READERS

    play(Early, story, params={"early": {"form": "unlocked"}})


def test_loads_in_the_background_are_bounded_and_pause_after_a_failure() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await asyncio.sleep(SHARE * TTL_S)
        world.origin.fail()
        await world.herd(READERS)
        assert len(world.origin.loads) == 1 + 3 * 10, "flights_max in each pod"
        await asyncio.sleep(ORIGIN_S)
        already = len(world.origin.loads)
        await world.herd(READERS)
        assert len(world.origin.loads) == already, "loads have just failed"

    play(Early, story, params={"early": {"form": "unlocked"}}, flights_max=10)


def primer(strategy: type[Strategy], **params: float | str) -> list[RunSummary]:
    scenario = read_scenario("primer").model_copy(update={"params": {strategy.name: params}})
    return [simulate(scenario, strategy, seed).row for seed in SEEDS]


def mean(rows: list[RunSummary], figure: str) -> float:
    return statistics.fmean(getattr(row, figure) for row in rows)


@pytest.mark.parametrize("share", [SHARE, 0.9])
def test_without_a_lock_it_is_worse_than_a_fixed_ttl_on_the_primers_load(share: float) -> None:
    """An independent simulation of the published load says 1,290 loads and 103 in the worst second."""
    naive, unlocked, locked = primer(Static), primer(Early, share=share, form="unlocked"), primer(Early, share=share)
    said = f"seeds {SEEDS}: {mean(unlocked, 'origin_reads'):.0f} loads, {mean(unlocked, 'origin_peak_1s'):.0f} in 1 s"
    assert mean(unlocked, "origin_reads") > 1.6 * mean(naive, "origin_reads"), said
    assert mean(unlocked, "origin_peak_1s") == pytest.approx(103, rel=0.05), said
    assert mean(unlocked, "origin_peak_1s") > 1.6 * mean(naive, "origin_peak_1s"), said
    assert mean(locked, "origin_reads") < 0.2 * mean(naive, "origin_reads")
    if share == 0.9:
        assert mean(unlocked, "origin_reads") == pytest.approx(1_290, rel=0.05), said
