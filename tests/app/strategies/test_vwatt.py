import asyncio
from collections.abc import Mapping

import pytest

from app.prefixes import prefixes_of
from app.strategies.vwatt import STEPS, VelocityWeightedTtl
from app.strategy import CacheAway, LoadReason, Status
from app.tuner.policy import TtlPolicy
from app.tuner.rates import MetricsAway
from app.tuner.tuner import ROUNDS_KEPT, Tuner
from loadtest.contract.origin import ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play
from loadtest.sim.cluster.pod_cache import SimulatedCache

LEAST, MOST, SPREAD = 0.1, 4.0, 0.067
WINDOW_S = 0.2 * TTL_S
KEY = "lab:vwatt:0"


def ttls_of(world: ContractWorld, key: str = KEY) -> float:
    """How long the entry that the cache has was to be fresh for, in TTLs."""
    found = world.server.peek(key)
    assert found is not None, f"{key} is not in the cache"
    return (found[0].fresh_until_s - found[0].read_at_s) / TTL_S


async def ask_for(world: ContractWorld, for_s: float, per_s: float, item_id: int = 0) -> None:
    for number in range(round(for_s * per_s)):
        asyncio.get_running_loop().create_task(world.ask(item_id, pod=number))
        await asyncio.sleep(1 / per_s)


@pytest.mark.parametrize(("per_window", "ttls"), [(4, LEAST), (20, 1.0), (70, 2.0), (200, 4.0)])
def test_the_ttl_is_that_of_the_step_that_the_accesses_reach(per_window: int, ttls: float) -> None:
    async def story(world: ContractWorld) -> None:
        await ask_for(world, for_s=4 * TTL_S, per_s=per_window / WINDOW_S)
        assert ttls_of(world) == pytest.approx(ttls, abs=SPREAD / 2)

    play(VelocityWeightedTtl, story)
    assert {*STEPS} == {1.0, 2.0, 4.0}


def test_a_smooth_ttl_is_the_root_of_the_accesses_between_the_bounds() -> None:
    async def story(world: ContractWorld) -> None:
        await ask_for(world, for_s=4 * TTL_S, per_s=30 / WINDOW_S)
        assert ttls_of(world) == pytest.approx(3**0.5, rel=0.1)

    play(VelocityWeightedTtl, story, params={"vwatt": {"form": "smooth"}})


def test_one_load_answers_every_expiry_and_no_share_of_the_misses_goes_past_it() -> None:
    async def story(world: ContractWorld) -> None:
        for expiry in range(1, 7):
            replies = await world.herd(100, spread_s=0.1)
            assert len(world.origin.loads) == expiry
            assert {reply.status for reply in replies} == {Status.MISS, Status.COLLAPSED}
            await asyncio.sleep((MOST + SPREAD) * TTL_S)

    play(VelocityWeightedTtl, story)


def test_an_entry_of_a_key_that_has_cooled_down_is_replaced_before_its_time_while_it_answers() -> None:
    async def story(world: ContractWorld) -> None:
        await ask_for(world, for_s=TTL_S, per_s=300)
        assert ttls_of(world) == pytest.approx(4.0, abs=SPREAD / 2)
        await asyncio.sleep(2 * WINDOW_S)
        assert (await world.ask()).status is Status.STALE
        await asyncio.sleep(2 * ORIGIN_S)
        assert world.origin.loads[-1].reason is LoadReason.REFRESH
        assert ttls_of(world) == pytest.approx(LEAST, abs=SPREAD / 2)

    play(VelocityWeightedTtl, story)


def test_accesses_that_cannot_be_counted_cost_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(self: object, key: str, window_s: float) -> float:
        raise CacheAway("counting fails")

    async def story(world: ContractWorld) -> None:
        await world.ask()
        assert ttls_of(world) == pytest.approx(1.0, abs=SPREAD / 2), "what is unknown is not 0"
        await asyncio.sleep(2 * WINDOW_S)
        assert (await world.ask()).status is Status.HIT

    monkeypatch.setattr(SimulatedCache, "counted", away)
    play(VelocityWeightedTtl, story)


def test_what_the_tuner_sets_stands_until_it_ends_by_itself_and_then_a_pod_goes_by_its_own_window() -> None:
    every_s, hot = 5.0, prefixes_of("vwatt")[0]
    told: Mapping[str, float] | None = {hot: 99.0, prefixes_of("vwatt")[1]: 1.0}

    async def rates() -> Mapping[str, float]:
        if told is None:
            raise MetricsAway("the store is away")
        return told

    async def story(world: ContractWorld) -> None:
        nonlocal told
        tuner = Tuner(rates, TtlPolicy(TTL_S), SimulatedCache(world.server, world.clock), every_s)
        rounds = asyncio.get_running_loop().create_task(tuner.run())
        await asyncio.sleep(1)
        await world.ask()  # the pods look the settings up for the first time
        await asyncio.sleep((MOST + 1) * TTL_S)
        await world.ask()
        tuned = (99 * 2 / 100) ** 0.5
        assert ttls_of(world) == pytest.approx(tuned, abs=SPREAD / 2), "though it was asked for but once"
        told = None
        await asyncio.sleep(every_s)
        assert world.runners["pod-0"]._cache.setting(KEY, "ttl_s") == pytest.approx(tuned * TTL_S)
        await asyncio.sleep(ROUNDS_KEPT * every_s)
        await world.ask()
        assert ttls_of(world) == pytest.approx(LEAST, abs=SPREAD / 2)
        rounds.cancel()

    play(VelocityWeightedTtl, story)
