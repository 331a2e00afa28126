"""Collapsing in the process only: one load for each pod, and neither a lock nor a token."""

import asyncio

import pytest

from app.nets.refusals import LoadJustFailed
from app.strategy import Lookup, OriginFailed, Shed, Status
from tests.app.pods import FLIGHTS_MAX, KEY, LOAD_S, TTL_S, Pod, Pods, play


def collapse(pod: Pod, key: str = KEY) -> asyncio.Task[Lookup]:
    return asyncio.create_task(pod.flights.collapse_in_pod(key, pod.load, TTL_S, 2 * TTL_S))


def test_each_pod_loads_once_and_takes_no_lock() -> None:
    async def story(pods: Pods) -> None:
        asked = [collapse(pods[n % 3]) for n in range(60)]
        await asyncio.sleep(LOAD_S / 2)
        assert pods.server.locks_left == 0
        lookups = await asyncio.gather(*asked)
        assert [load.pod for load in pods.loads] == [0, 1, 2]
        assert sum(lookup.status is Status.MISS for lookup in lookups) == 3
        assert sum(lookup.status is Status.COLLAPSED for lookup in lookups) == 57
        stored = await pods[1].cache.get(KEY)
        assert stored in {lookup.entry for lookup in lookups}
        assert stored is not None
        assert stored.keep_until_s - stored.read_at_s == pytest.approx(2 * TTL_S)

    play(story)


def test_a_cache_that_is_away_costs_the_write_and_nothing_else() -> None:
    async def story(pods: Pods) -> None:
        pods.server.is_away = True
        lookups = await asyncio.gather(*(collapse(pods[0]) for _ in range(10)))
        assert len({lookup.entry for lookup in lookups}) == 1
        assert len(pods.loads) == 1
        assert pods.clock.now_s() == LOAD_S
        assert lookups[0].entry.is_fresh(pods.clock.now_s()), "it is what would have been stored"

    play(story)


@pytest.mark.parametrize("mark_s", [0.0, 1.0])
def test_a_failed_load_is_forgotten_but_for_the_mark_of_its_pod(mark_s: float) -> None:
    async def story(pods: Pods) -> None:
        pods[0].failure = OriginFailed("no")
        failed = await asyncio.gather(*(collapse(pods[0]) for _ in range(10)), return_exceptions=True)
        assert {type(one) for one in failed} == {OriginFailed}
        assert len(pods.loads) == 1
        pods[0].failure = None
        if mark_s:
            with pytest.raises(LoadJustFailed):
                await collapse(pods[0])
            assert len(pods.loads) == 1
        assert (await collapse(pods[1])).status is Status.MISS, "no other pod knows of it"
        await asyncio.sleep(mark_s)
        assert (await collapse(pods[0])).status is Status.MISS

    play(story, failure_mark_s=mark_s)


@pytest.mark.parametrize("gone", [[0], [0, 1, 2], [*range(10)]])
def test_readers_that_go_away_take_nobody_with_them(gone: list[int]) -> None:
    async def story(pods: Pods) -> None:
        waiting = [collapse(pods[0]) for _ in range(10)]
        await asyncio.sleep(LOAD_S / 2)
        for number in gone:
            waiting[number].cancel()
        await asyncio.sleep(LOAD_S)
        assert all(one.cancelled() for number, one in enumerate(waiting) if number in gone)
        assert all(one.result().entry for number, one in enumerate(waiting) if number not in gone)
        assert len(pods.loads) == 1
        assert await pods[1].cache.get(KEY) is not None, "it was stored, whoever has gone"

    play(story)


def test_one_flight_too_many_is_shed() -> None:
    async def story(pods: Pods) -> None:
        flying = [collapse(pods[0], f"key {n}") for n in range(FLIGHTS_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(Shed, match="flights_max"):
            await collapse(pods[0], "one more")
        await asyncio.gather(*flying)

    play(story)
