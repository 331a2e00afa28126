import asyncio
import statistics
from random import Random
from unittest.mock import Mock

import pytest

from app.strategies.jitter import Jitter
from app.strategy import Lab, Status
from loadtest.contract.origin import ITEMS, ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play

DRAWS, SEED = 20_000, 20


def draws(spread: float, form: str) -> list[float]:
    params: dict[str, float | str] = {"spread": spread, "form": form}
    jitter = Jitter(Lab(Mock(), Mock(), Random(SEED), Mock(), TTL_S, params, Mock()))
    return [jitter.draw_ttl_s() for _ in range(DRAWS)]


@pytest.mark.parametrize("spread", [0.2, 0.5, 1.0, 2.0])
def test_the_default_form_spreads_around_the_ttl_and_keeps_its_mean(spread: float) -> None:
    drawn = draws(spread, "mean-preserving")
    assert statistics.mean(drawn) == pytest.approx(TTL_S, rel=0.01 * max(1, spread))
    assert min(drawn) == pytest.approx(TTL_S * (1 - spread / 2), abs=0.01 * TTL_S)
    assert max(drawn) == pytest.approx(TTL_S * (1 + spread / 2), abs=0.01 * TTL_S)


def test_the_published_form_only_lengthens() -> None:
    drawn = draws(0.5, "longer")
    assert min(drawn) >= TTL_S
    assert max(drawn) <= TTL_S * 1.5
    assert statistics.mean(drawn) == pytest.approx(TTL_S * 1.25, rel=0.01)


def test_draws_are_uniform_and_finer_than_a_second() -> None:
    drawn = draws(0.5, "mean-preserving")
    low_s, width_s = TTL_S * 0.75, TTL_S * 0.5
    tenths = [
        sum(low_s + width_s * n / 10 <= ttl_s < low_s + width_s * (n + 1) / 10 for ttl_s in drawn) for n in range(10)
    ]
    assert min(tenths) > 0.9 * DRAWS / 10
    assert len({round(ttl_s, 3) for ttl_s in drawn}) > 1_000


def test_keys_written_together_do_not_expire_together() -> None:
    async def story(world: ContractWorld) -> None:
        await asyncio.gather(*(world.ask(item) for item in range(ITEMS)))
        lives_s = [(load.kept_until_s or 0.0) - ORIGIN_S for load in world.origin.loads]
        assert len(set(lives_s)) == ITEMS
        assert TTL_S * 0.75 <= min(lives_s) < TTL_S * 0.8
        assert TTL_S * 1.2 < max(lives_s) <= TTL_S * 1.25
        assert statistics.mean(lives_s) == pytest.approx(TTL_S, rel=0.05)

    play(Jitter, story, params={"jitter": {"spread": 0.5}})


def test_a_spread_of_zero_is_a_fixed_ttl() -> None:
    assert set(draws(0.0, "mean-preserving")) == {TTL_S}


def test_one_hot_key_is_still_one_herd() -> None:
    async def story(world: ContractWorld) -> None:
        for expiry in range(1, 7):
            replies = await world.herd(100, spread_s=0.9 * ORIGIN_S)
            assert {reply.status for reply in replies} == {Status.MISS}
            assert len(world.origin.loads) == expiry * 100
            await asyncio.sleep(TTL_S * 2)

    play(Jitter, story)
