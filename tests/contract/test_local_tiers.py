"""The contract of local tiers: a copy ends with its time, and before it where pods hear of writes, in both worlds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from app.local_tier import CopyInvalidation, LruTier
from app.strategy import Entry
from tests.contract.caches import LONG_S, SOON_S, Caches, Pods, entry_of, tier_of

WAIT_S = 5.0
HEARING = (CopyInvalidation.PUBSUB, CopyInvalidation.TRACKING)
every_way = pytest.mark.parametrize("way", CopyInvalidation)
every_hearing_way = pytest.mark.parametrize("way", HEARING)


async def copied(pods: Pods, way: CopyInvalidation, name: str = "7", for_s: float = LONG_S) -> tuple[str, Entry]:
    """A key whose entry is in the cache and in both pods' tiers."""
    key, entry = f"lab:{way}:{name}", entry_of(pods)
    await pods.there.put(key, entry)
    for pod in (pods.here, pods.there):
        tier = tier_of(pod, way)
        async with asyncio.timeout(WAIT_S):
            while tier.get(key) is None:  # the message of this very write may come after the look
                if (found := await pod.get(key)) is not None:
                    tier.put(key, found, for_s)
                await asyncio.sleep(SOON_S)
    return key, entry


async def is_gone(tier: LruTier, key: str) -> bool:
    """Whether the copy goes before its time."""
    give_up_s = asyncio.get_running_loop().time() + WAIT_S
    while tier.get(key) is not None:
        if asyncio.get_running_loop().time() > give_up_s:
            return False
        await asyncio.sleep(0.001)
    return True


@every_way
def test_no_copy_is_served_past_its_own_time_or_that_of_its_entry(caches: Caches, way: CopyInvalidation) -> None:
    async def case(pods: Pods) -> None:
        key, entry = await copied(pods, way)
        tier = tier_of(pods.here, way)
        for keep_for_s, for_s in ((LONG_S, SOON_S), (SOON_S, LONG_S)):
            one, kept = f"{key}{keep_for_s}", replace(entry, keep_until_s=pods.clock.now_s() + keep_for_s)
            assert tier.get(one) is None
            tier.put(one, kept, for_s)
            assert tier.get(one) is kept
            await asyncio.sleep(2 * SOON_S)
            assert tier.get(one) is None
        assert await pods.here.get(key) is not None, "the cache has it still"

    caches.run(case)


async def store(pods: Pods, key: str, newer: Entry) -> None:
    assert await pods.there.put(key, newer)


async def store_fenced(pods: Pods, key: str, newer: Entry) -> None:
    assert await pods.there.lock(key, "mine", 1.0)
    assert await pods.there.put(key, newer, "mine")


async def delete(pods: Pods, key: str, newer: Entry) -> None:
    assert await pods.there.delete(key)


every_write = pytest.mark.parametrize("write", [store, store_fenced, delete])


@every_write
@every_hearing_way
def test_a_write_ends_the_copies_of_all_pods(
    caches: Caches, way: CopyInvalidation, write: Callable[[Pods, str, Entry], Awaitable[None]]
) -> None:
    async def case(pods: Pods) -> None:
        key, entry = await copied(pods, way)
        other, _ = await copied(pods, way, "8")
        await write(pods, key, replace(entry, body=b"newer", read_at_s=entry.read_at_s + 0.001))
        assert tier_of(pods.there, way).get(key) is None, "the pod that writes knows it at once"
        assert await is_gone(tier_of(pods.here, way), key)
        assert tier_of(pods.here, way).invalidated >= 1
        assert tier_of(pods.here, way).get(other) is not None

    caches.run(case)


def test_without_messages_a_copy_outlives_the_write_of_another_pod(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        way = CopyInvalidation.NONE
        key, entry = await copied(pods, way, for_s=10 * SOON_S)
        await delete(pods, key, entry)
        assert tier_of(pods.there, way).get(key) is None
        assert tier_of(pods.here, way).get(key) == entry
        await asyncio.sleep(10 * SOON_S)
        assert tier_of(pods.here, way).get(key) is None

    caches.run(case)


@every_write
@every_hearing_way
def test_what_was_replaced_while_it_was_looked_for_is_not_kept(
    caches: Caches, way: CopyInvalidation, write: Callable[[Pods, str, Entry], Awaitable[None]]
) -> None:
    async def case(pods: Pods) -> None:
        tier, key, entry = tier_of(pods.here, way), f"lab:{way}:9", entry_of(pods)
        await pods.there.put(key, entry)
        await asyncio.sleep(SOON_S)
        assert tier.get(key) is None
        late = await pods.here.get(key)
        assert late is not None
        heard, _ = await copied(pods, way, "8")
        await write(pods, key, replace(entry, body=b"newer", read_at_s=entry.read_at_s + 0.001))
        await pods.there.delete(heard)
        assert await is_gone(tier, heard), "which was written later"
        tier.put(key, late)
        assert tier.get(key) is None

    caches.run(case)


def test_the_very_entry_that_was_stored_stays_in_the_pod_that_stored_it(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        way = CopyInvalidation.PUBSUB
        tier, key, entry = tier_of(pods.there, way), f"lab:{way}:9", entry_of(pods)
        heard, _ = await copied(pods, way, "8")
        assert tier.get(key) is None
        await store_fenced(pods, key, entry)
        tier.put(key, entry)
        await pods.here.delete(heard)
        assert await is_gone(tier, heard), "which was written later"
        assert tier.get(key) is entry

    caches.run(case)


@every_hearing_way
def test_a_gap_in_the_subscription_empties_what_relies_on_it_and_is_counted(
    caches: Caches, way: CopyInvalidation
) -> None:
    async def case(pods: Pods) -> None:
        key, _ = await copied(pods, way)
        deaf_to_all, _ = await copied(pods, CopyInvalidation.NONE)
        tier, emptied = tier_of(pods.here, way), tier_of(pods.here, way).emptied
        await pods.lose_messages()
        assert await is_gone(tier, key)
        assert tier.emptied == emptied + 1
        assert tier_of(pods.here, CopyInvalidation.NONE).get(deaf_to_all) is not None
        key, entry = await copied(pods, way)
        await delete(pods, key, entry)
        assert await is_gone(tier, key), "messages come again"

    caches.run(case)


def test_redis_itself_tells_of_keys_that_nobody_publishes(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        tracked, _ = await copied(pods, CopyInvalidation.TRACKING)
        published, _ = await copied(pods, CopyInvalidation.PUBSUB)
        await pods.flush()
        assert await is_gone(tier_of(pods.here, CopyInvalidation.TRACKING), tracked)
        assert tier_of(pods.here, CopyInvalidation.PUBSUB).get(published) is not None

    caches.run(case)
