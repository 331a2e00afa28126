import asyncio
from collections import Counter
from functools import partial
from itertools import pairwise
from random import Random

import pytest

from app.strategy import LoadReason, Lookup, OriginFailed, Shed, Status
from tests.app.pods import FLIGHTS_MAX, KEY, LEASE_S, LOAD_S, PAUSE_S, TTL_S, WAIT_S_MAX, Pods, play


def statuses(lookups: list[Lookup]) -> Counter[Status]:
    return Counter(lookup.status for lookup in lookups)


def test_many_that_want_a_key_at_once_are_one_load() -> None:
    async def story(pods: Pods) -> None:
        lookups = await asyncio.gather(*(pods[n % 3].collapse() for n in range(60)))
        assert len(pods.loads) == 1
        assert statuses(lookups) == {Status.MISS: 1, Status.COLLAPSED: 59}
        assert len({lookup.entry for lookup in lookups}) == 1

    play(story)


def test_each_key_is_a_flight_of_its_own() -> None:
    async def story(pods: Pods) -> None:
        lookups = await asyncio.gather(*(pods[0].collapse(f"key {n}") for n in range(20)))
        assert statuses(lookups) == {Status.MISS: 20}
        assert pods.clock.now_s() == LOAD_S

    play(story)


@pytest.mark.parametrize("latency_s", [0.0, 0.005, 0.05])
def test_one_expiry_is_one_load_however_reads_and_locks_interleave(latency_s: float) -> None:
    """A reader that missed just before the write takes the lock just after it: only a second look saves the load."""

    async def comes(pods: Pods, rng: Random) -> None:
        await asyncio.sleep(rng.uniform(0, LOAD_S + 8 * latency_s))
        await pods[rng.randrange(3)].get_or_collapse()

    async def story(pods: Pods, rng: Random) -> int:
        await asyncio.gather(*(comes(pods, rng) for _ in range(25)))
        return len(pods.loads)

    for seed in range(60):
        loads = play(partial(story, rng=Random(seed)), latency_s=latency_s, seed=seed)
        assert loads == 1, f"seed {seed}"


@pytest.mark.parametrize("latency_s", [0.0, 0.05])
def test_one_entry_is_refreshed_once_however_many_see_it(latency_s: float) -> None:
    async def story(pods: Pods, rng: Random) -> int:
        seen = (await pods[0].collapse()).entry
        for _ in range(40):
            await asyncio.sleep(rng.uniform(0, LOAD_S / 10))
            pods[rng.randrange(3)].refresh(seen)
        await asyncio.sleep(1)
        assert await pods[1].cache.get(KEY) != seen
        return len(pods.loads)

    for seed in range(30):
        loads = play(partial(story, rng=Random(seed)), latency_s=latency_s, seed=seed)
        assert loads == 2, f"seed {seed}"


def test_waiters_in_other_pods_are_woken_by_the_notification() -> None:
    async def story(pods: Pods) -> None:
        await asyncio.gather(*(pod.collapse() for pod in pods))
        assert pods.clock.now_s() == LOAD_S
        assert [pod.events["lock waits"] for pod in pods] == [0, 1, 1]

    play(story, poll_s=100)


def test_a_lost_wake_up_costs_a_poll_and_no_more() -> None:
    async def story(pods: Pods) -> None:
        pods[1].cache.is_deaf = True
        leader, follower = await asyncio.gather(pods[0].collapse(), pods[1].collapse())
        assert (leader.status, follower.status) == (Status.MISS, Status.COLLAPSED)
        assert LOAD_S < pods.clock.now_s() <= LOAD_S + 1.5 * 0.3
        assert len(pods.loads) == 1

    play(story, poll_s=0.3)


def test_polls_are_jittered() -> None:
    async def story(pods: Pods) -> float:
        await pods[0].cache.lock(KEY, "somebody", 0.95)
        await pods[1].collapse()
        return pods.clock.now_s()

    assert len({play(story, seed=seed) for seed in range(10)}) == 10


def test_a_load_longer_than_the_lease_keeps_its_lock() -> None:
    async def story(pods: Pods) -> None:
        for pod in pods:
            pod.load_s = 4 * LEASE_S
        await asyncio.gather(*(pod.collapse() for pod in pods))
        assert len(pods.loads) == 1
        assert pods.clock.now_s() == 4 * LEASE_S
        assert pods[0].events["writes refused"] == 0

    play(story)


def test_waiting_for_the_lock_ends_in_shed() -> None:
    async def story(pods: Pods) -> None:
        cache = pods[0].cache
        await cache.lock(KEY, "somebody", LEASE_S)

        async def hold() -> None:
            while True:
                await asyncio.sleep(LEASE_S / 3)
                await cache.renew(KEY, "somebody", LEASE_S)

        holding = asyncio.create_task(hold())
        waiting = [asyncio.create_task(pods[1].collapse()) for _ in range(5)]
        await asyncio.wait(waiting)
        holding.cancel()
        assert [type(one.exception()) for one in waiting] == [Shed] * 5
        assert pods.clock.now_s() == WAIT_S_MAX
        assert not pods.loads

    play(story)


def test_waiting_for_a_load_that_hangs_ends_in_shed() -> None:
    async def story(pods: Pods) -> None:
        pods[0].load_s = WAIT_S_MAX + 1
        with pytest.raises(Shed, match="wait_ms_max"):
            await pods[0].collapse()
        assert pods.clock.now_s() == WAIT_S_MAX
        await asyncio.sleep(2)
        assert await pods[0].cache.get(KEY) is not None, "the load went on, and was stored"

    play(story)


def test_one_flight_too_many_is_shed() -> None:
    async def story(pods: Pods) -> None:
        flying = [asyncio.create_task(pods[0].collapse(f"key {n}")) for n in range(FLIGHTS_MAX)]
        await asyncio.sleep(LOAD_S / 2)
        with pytest.raises(Shed, match="flights_max"):
            await pods[0].collapse()
        assert (await pods[0].collapse("key 0")).status == Status.COLLAPSED
        assert statuses(await asyncio.gather(*flying)) == {Status.MISS: FLIGHTS_MAX}

    play(story)


def test_a_refresh_is_in_the_background_and_one_reader_on_a_miss_joins_it() -> None:
    async def story(pods: Pods) -> None:
        seen = (await pods[0].collapse()).entry
        await asyncio.sleep(TTL_S)
        pods[0].refresh(seen)
        await asyncio.sleep(LOAD_S / 2)
        lookup = await pods[0].collapse()
        assert lookup.status == Status.COLLAPSED
        assert lookup.entry.read_at_s > seen.read_at_s
        assert [load.reason for load in pods.loads] == [LoadReason.MISS, LoadReason.REFRESH]

    play(story)


def test_after_a_failed_refresh_the_pod_pauses() -> None:
    async def story(pods: Pods) -> None:
        seen = (await pods[0].collapse()).entry
        pods[0].failure = OriginFailed("down")
        for _ in range(300):
            await asyncio.sleep(0.01)
            pods[0].refresh(seen)
        began_s = [load.began_s for load in pods.loads[1:]]
        assert len(began_s) == 5
        for sooner_s, later_s in pairwise(began_s):
            assert LOAD_S + PAUSE_S <= round(later_s - sooner_s, 6) <= LOAD_S + PAUSE_S + 0.01
        pods[0].failure = None
        await asyncio.sleep(PAUSE_S)
        pods[0].refresh(seen)
        await asyncio.sleep(LOAD_S)
        assert await pods[0].cache.get(KEY) != seen

    play(story)
