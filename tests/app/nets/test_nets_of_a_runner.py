"""The nets round any strategy: what a request gets, and what the strategy and the origin never notice."""

import asyncio
import sys
from typing import Any

import pytest

from app.nets.nets import Nets
from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy
from app.strategy_runner import Answer
from loadtest.contract.origin import ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play

WINDOW_S = 10.0


class Alone(Strategy):
    """Each request that finds nothing loads by itself, as somebody's own strategy may."""

    def mechanism(self) -> Mechanism:
        return Mechanism.none()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        return Lookup(Status.MISS, await self.lab.store(key, await load(LoadReason.MISS), self.ttl_s))


class Together(Alone):
    """One request loads, and the others wait for it."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        return Lookup(Status.HIT, entry) if entry else await self.lab.flights.collapse(key, load, self.ttl_s)


ANY = pytest.mark.parametrize("strategy", [Alone, Together])


async def answer(world: ContractWorld, pod: int = 0) -> Answer:
    return await world.runners[f"pod-{pod}"].answer(0)


def nets(**stated: Any) -> dict[str, Any]:
    return Nets.model_validate(stated).model_dump()


@ANY
def test_while_loads_fail_the_old_entry_answers_for_the_window_and_says_how_old_it_is(strategy: type[Strategy]) -> None:
    async def story(world: ContractWorld) -> None:
        first = await answer(world)
        world.origin.fail()
        await asyncio.sleep(TTL_S + 1.0)
        old = await answer(world, pod=1)
        assert (old.code, old.status, old.body) == (200, Status.STALE, first.body)
        assert old.age_s is not None
        assert old.age_s > TTL_S + 1.0
        assert "detail=stale; ttl=-" in old.headers
        assert world.events["net stale-if-error"] == 1
        await asyncio.sleep(WINDOW_S)
        assert (await answer(world)).code == 503

    play(strategy, story, nets=nets(stale_if_error_s=WINDOW_S))


@ANY
def test_while_nothing_fails_stale_if_error_changes_neither_an_answer_nor_a_load(strategy: type[Strategy]) -> None:
    told: list[tuple[list[tuple[float, int, Status]], list[float]]] = []
    for stale_if_error_s in (0.0, WINDOW_S):

        async def story(world: ContractWorld) -> None:
            await world.traffic(for_s=4 * TTL_S, readers=20, items=range(3))
            replies = [(reply.answered_s, reply.code, reply.status) for reply in world.replies]
            told.append((replies, [load.began_s for load in world.origin.loads]))

        play(strategy, story, nets=nets(stale_if_error_s=stale_if_error_s))
    assert told[0] == told[1]


@ANY
def test_the_breaker_lets_only_probes_through_and_tells_when_to_come_back(strategy: type[Strategy]) -> None:
    async def story(world: ContractWorld) -> None:
        world.origin.fail()
        for _ in range(3):
            assert (await answer(world)).code == 503
            await asyncio.sleep(0.2)
        refused = await answer(world)
        assert (refused.code, refused.status) == (503, Status.ERROR)
        assert refused.retry_after_s is not None
        assert 0 < refused.retry_after_s <= 2.0
        already = len(world.origin.loads)
        for _ in range(80):  # 8 s
            await answer(world)
            await asyncio.sleep(0.1)
        assert len(world.origin.loads) - already <= 4
        world.origin.recover()
        await asyncio.sleep(2.0)
        assert (await answer(world)).code == 200

    play(strategy, story, pods=1, nets=nets(breaker={"loads_min": 3, "open_s": 2.0}))


@ANY
def test_after_the_soft_time_out_the_old_entry_answers_and_the_load_is_stored(strategy: type[Strategy]) -> None:
    async def story(world: ContractWorld) -> None:
        await answer(world)
        await asyncio.sleep(TTL_S)
        world.origin.latency_s = 3.0
        asked_s = world.clock.now_s()
        assert (await answer(world)).status is Status.STALE
        assert world.clock.now_s() - asked_s == pytest.approx(0.1)
        await asyncio.sleep(3.0)
        assert (await answer(world)).status is Status.HIT
        assert len(world.origin.loads) == 2

    play(strategy, story, nets=nets(stale_if_error_s=WINDOW_S, soft_timeout_ms=100))


@ANY
def test_after_the_hard_time_out_a_request_fails_and_the_load_is_stored(strategy: type[Strategy]) -> None:
    async def story(world: ContractWorld) -> None:
        world.origin.latency_s = 3.0
        failed = await answer(world)
        assert failed.code == 503
        assert world.clock.now_s() == pytest.approx(0.5)
        assert b"hard_timeout_ms" in failed.body
        await asyncio.sleep(3.0)
        assert (await answer(world)).status is Status.HIT

    play(strategy, story, nets=nets(soft_timeout_ms=100, hard_timeout_ms=500))


@ANY
def test_a_request_that_is_quick_enough_notices_no_time_out(strategy: type[Strategy]) -> None:
    async def story(world: ContractWorld) -> None:
        assert (await answer(world)).status is Status.MISS
        assert (await answer(world)).status is Status.HIT
        world.origin.fail()
        await asyncio.sleep(TTL_S)
        assert b"the origin is down" in (await answer(world)).body

    play(strategy, story, nets=nets(soft_timeout_ms=2_000 * ORIGIN_S, hard_timeout_ms=2_000 * ORIGIN_S))


def test_loads_beyond_the_adaptive_limit_are_shed() -> None:
    async def story(world: ContractWorld) -> None:
        replies = await world.herd(30)
        assert [reply.code for reply in replies].count(200) == 5
        assert {reply.status for reply in replies if reply.code == 503} == {Status.SHED}
        assert world.events["net limit"] == 25

    play(Alone, story, pods=1, nets=nets(limit={"initial": 5}))


def test_beyond_a_rate_limit_a_client_is_told_429() -> None:
    async def story(world: ContractWorld) -> None:
        runner = world.runners["pod-0"]
        assert runner.turned_away("one") is None
        refused = runner.turned_away("one")
        assert refused is not None
        assert (refused.code, refused.status, refused.retry_after_s) == (429, Status.SHED, 0.5)
        assert "retry-after: 1\r\nx-retry-after-ms: 500\r\n" in refused.headers
        assert runner.turned_away("another") is None

    play(Alone, story, pods=1, nets=nets(rate_limit_per_client_per_s=2, burst_s=0.5))


def test_an_outage_of_cache_and_origin_is_answered_at_once_after_the_first_failure() -> None:
    async def story(world: ContractWorld) -> None:
        world.server.is_away = True
        world.origin.fail()
        assert (await answer(world)).code == 503
        asked_s = world.clock.now_s()
        refused = await answer(world)
        assert (refused.code, world.clock.now_s()) == (503, asked_s)
        assert refused.retry_after_s is not None
        assert len(world.origin.loads) == 1

    play(Together, story, pods=1)


@ANY
def test_a_hit_asks_nothing_of_the_nets_that_guard_loads_whether_they_are_set_or_not(strategy: type[Strategy]) -> None:
    calls: list[int] = []
    guards = {"stale_if_error_s": WINDOW_S, "breaker": {}, "limit": {}, "queue_max": 9}
    for stated in ({"failure_mark_ms": 0}, {}, guards):

        async def story(world: ContractWorld) -> None:
            await answer(world)
            calls.append(0)

            def count(frame: object, event: str, _: object) -> None:
                calls[-1] += event == "call"

            sys.setprofile(count)
            try:
                lookup = await answer(world)
            finally:
                sys.setprofile(None)
            assert lookup.status is Status.HIT

        play(strategy, story, pods=1, nets=nets(**stated))
    assert len(set(calls)) == 1, calls
    assert calls[0] > 3
