"""A delete in mid-load: what comes of the load is not stored, and answers nobody who came after the delete."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from app.strategy import Lookup, Shed, Status
from tests.app.pods import FLIGHTS_MAX, KEY, LOAD_S, TTL_S, Pod, Pods, play

Way = Callable[[Pod], asyncio.Task[Lookup]]


def shared(pod: Pod) -> asyncio.Task[Lookup]:
    return asyncio.create_task(pod.collapse())


def in_pod(pod: Pod) -> asyncio.Task[Lookup]:
    return asyncio.create_task(pod.flights.collapse_in_pod(KEY, pod.load, TTL_S))


both_ways = pytest.mark.parametrize("ask", [shared, in_pod])


@both_ways
def test_what_was_loaded_before_a_delete_is_not_stored_and_answers_who_came_before(ask: Way) -> None:
    async def story(pods: Pods) -> None:
        first = ask(pods[0])
        await asyncio.sleep(LOAD_S / 2)
        await pods[1].cache.delete(KEY)
        await asyncio.sleep(LOAD_S / 4)
        after = ask(pods[0])
        assert (await first).status is Status.MISS
        assert pods.clock.now_s() == LOAD_S
        assert await pods[2].cache.get(KEY) is None, "it is not stored"
        assert (await after).status is Status.MISS
        assert (await after).entry != (await first).entry
        assert pods.clock.now_s() == pytest.approx(0.75 * LOAD_S + LOAD_S), "a new load begins at once"
        assert await pods[2].cache.get(KEY) == (await after).entry
        assert len(pods.loads) == 2
        assert pods[0].events["writes refused"] == 0

    play(story)


@both_ways
def test_who_joined_a_load_that_is_deleted_then_flies_once_more_and_not_twice(ask: Way) -> None:
    """It may have come after the delete, for all that its pod can know: messages take their time."""

    async def story(pods: Pods) -> None:
        async def delete_often() -> None:
            while True:
                await asyncio.sleep(LOAD_S / 3.1)
                await pods[1].cache.delete(KEY)

        first = ask(pods[0])
        await asyncio.sleep(LOAD_S / 10)
        joined = [ask(pods[0]) for _ in range(5)]
        deleting = asyncio.create_task(delete_often())
        lookups = await asyncio.gather(first, *joined)
        deleting.cancel()
        assert [lookup.status for lookup in lookups].count(Status.MISS) == 2
        assert {lookup.entry for lookup in lookups[1:]} != {lookups[0].entry}
        assert pods.clock.now_s() == pytest.approx(2 * LOAD_S)
        assert len(pods.loads) == 2

    play(story)


def test_the_next_pod_loads_at_once_and_stores() -> None:
    latency_s = 0.004

    async def story(pods: Pods) -> None:
        first, waits = shared(pods[0]), shared(pods[1])
        await asyncio.sleep(LOAD_S / 2)
        await pods[2].cache.delete(KEY)
        assert (await waits).entry.body == b"by pod 1"
        assert pods.clock.now_s() < 1.5 * LOAD_S + 10 * latency_s, "its lock was free, and it was woken"
        assert (await first).entry.body == b"by pod 0"
        assert await pods[0].cache.get(KEY) == (await waits).entry

    play(story, latency_s=latency_s, poll_s=100.0)


@pytest.mark.parametrize("latency_s", [0.0, 0.01])
def test_no_answer_and_no_entry_is_older_than_a_delete_that_everybody_has_heard_of(latency_s: float) -> None:
    """Readers and deletes at random moments; a put's own reply is on its way for as long as a message is."""

    async def story(pods: Pods, rng: Random) -> None:
        deleted_s = 0.0

        async def delete(at_s: float) -> None:
            nonlocal deleted_s
            await asyncio.sleep(at_s)
            await pods[rng.randrange(3)].cache.delete(KEY)
            await asyncio.sleep(latency_s)
            deleted_s = max(deleted_s, pods.clock.now_s() - 2 * latency_s)

        async def read(at_s: float) -> None:
            await asyncio.sleep(at_s)
            known_s = deleted_s
            lookup = await pods[rng.randrange(3)].get_or_collapse()
            began_s = lookup.entry.read_at_s - LOAD_S  # these loads are dated by their end
            assert began_s >= known_s - 1e-9, f"begun at {began_s}, deleted at {known_s}"

        await asyncio.gather(
            *(delete(rng.uniform(0, 2)) for _ in range(8)), *(read(rng.uniform(0, 3)) for _ in range(80))
        )

    for seed in range(30):
        play(partial(story, rng=Random(seed)), latency_s=latency_s, seed=seed)


def test_flights_that_deletes_have_overtaken_count_as_what_they_are() -> None:
    async def story(pods: Pods) -> None:
        flying = []
        for _ in range(FLIGHTS_MAX):
            flying.append(in_pod(pods[0]))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await pods[1].cache.delete(KEY)
        assert len(pods.loads) == FLIGHTS_MAX
        with pytest.raises(Shed, match="flights_max"):
            await in_pod(pods[0])
        await asyncio.gather(*flying)

    play(story)
