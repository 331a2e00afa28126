import asyncio
import math
from itertools import pairwise

import pytest

from app.strategies.xfetch import XFetch
from app.strategy import LoadReason, Status
from loadtest.contract.origin import ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play

EXPIRIES, READERS = 6, 100
THINK_S = 0.5  # 200 requests/s in all; times delta = 0.2 s that makes 40, and e^-40 the chance of an expiry
EULER = 0.5772


@pytest.mark.parametrize("seed", range(3))
def test_xfetch_never_lets_a_hot_key_expire(seed: int) -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await world.traffic(for_s=EXPIRIES * TTL_S, readers=READERS, think_s=THINK_S, items=[0])
        assert {reply.status for reply in world.replies[1:]} == {Status.HIT}
        assert {reply.took_s for reply in world.replies[1:]} == {0.0}
        assert {load.reason for load in world.origin.loads[1:]} == {LoadReason.EARLY}
        assert EXPIRIES <= len(world.origin.loads) <= EXPIRIES + 3
        for sooner, later in pairwise(world.origin.loads):
            assert sooner.ended_s is not None
            assert later.began_s >= sooner.ended_s, "two pods refresh at once"

    play(XFetch, story, seed=seed)


def test_refreshes_come_as_early_as_the_paper_says() -> None:
    """The mean gap before the expiry is s (ln(lambda s) + 0.577), with s = beta * delta."""

    async def story(world: ContractWorld) -> float:
        await world.ask()
        await world.traffic(for_s=100 * TTL_S, readers=20, think_s=0.1, items=[0])
        gaps_s = []
        for sooner, later in pairwise(world.origin.loads):
            assert sooner.kept_until_s is not None
            gaps_s.append(sooner.kept_until_s - later.began_s)
        return sum(gaps_s) / len(gaps_s)

    expected_s = ORIGIN_S * (math.log(20 / 0.1 * ORIGIN_S) + EULER)
    assert play(XFetch, story) == pytest.approx(expected_s, rel=0.1)


def test_a_larger_beta_refreshes_earlier() -> None:
    def loads(beta: float) -> int:
        async def story(world: ContractWorld) -> int:
            await world.ask()
            await world.traffic(for_s=20 * TTL_S, readers=20, think_s=0.2, items=[0])
            return len(world.origin.loads)

        return play(XFetch, story, params={"xfetch": {"beta": beta}})

    assert loads(0.5) < loads(1.0) < loads(3.0)


def test_beta_zero_refreshes_nothing_early() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await world.traffic(for_s=3 * TTL_S, readers=20, items=[0])
        assert {load.reason for load in world.origin.loads} == {LoadReason.MISS}

    play(XFetch, story, params={"xfetch": {"beta": 0.0}})


def test_a_cold_key_is_loaded_once_for_all() -> None:
    async def story(world: ContractWorld) -> None:
        await world.herd(READERS)
        assert len(world.origin.loads) == 1
        await asyncio.sleep(TTL_S + 0.1)  # nobody came: it expired
        await world.herd(READERS)
        assert len(world.origin.loads) == 2

    play(XFetch, story)


def test_an_origin_that_is_down_costs_no_answer_while_the_entry_lives() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        world.origin.fail()
        await world.traffic(for_s=TTL_S - 1.0 - THINK_S, items=[0], think_s=THINK_S / 2)
        assert {reply.code for reply in world.replies} == {200}

    play(XFetch, story, params={"xfetch": {"beta": 100.0}})


@pytest.mark.parametrize("beta", [1.0, 1.5])
def test_without_a_lock_a_refresh_is_a_small_herd_of_a_size_that_beta_sets(beta: float) -> None:
    """The mean is e^(1/beta), whatever the rate: 2.72 and 1.95."""

    async def story(world: ContractWorld) -> float:
        await world.ask()
        await world.traffic(for_s=100 * TTL_S, readers=20, think_s=0.1, items=[0])
        loads = world.origin.loads[1:]
        assert {load.reason for load in loads} == {LoadReason.EARLY}
        herds = 1 + sum(later.began_s >= (sooner.ended_s or 0.0) for sooner, later in pairwise(loads))
        return len(loads) / herds

    assert play(XFetch, story, params={"xfetch": {"beta": beta, "form": "unlocked"}}) == pytest.approx(
        math.exp(1 / beta), rel=0.1
    )


def test_without_a_lock_who_refreshes_waits_and_the_others_do_not() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await world.traffic(for_s=EXPIRIES * TTL_S, readers=READERS, think_s=THINK_S, items=[0])
        waited = [reply for reply in world.replies[1:] if reply.took_s]
        assert len(waited) == len(world.origin.loads) - 1
        assert {reply.status for reply in waited} == {Status.MISS}
        assert {round(reply.took_s, 6) for reply in waited} == {ORIGIN_S}

    play(XFetch, story, params={"xfetch": {"form": "unlocked"}})
