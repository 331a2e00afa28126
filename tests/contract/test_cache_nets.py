"""The contract of a `NetCache`: marks of failed loads and entries past their time, in memory and in the real Redis."""

import asyncio

import pytest

from app.nets.nets import Nets
from app.nets.refusals import LoadJustFailed
from app.strategy import CacheAway
from tests.contract.caches import KEY, LONG_S, SOON_S, Caches, Pods, entry_of

MARK_S = 0.5
NETS = Nets(failure_mark_ms=1000 * MARK_S, stale_if_error_s=LONG_S)


def test_a_mark_takes_the_place_of_the_lock_until_it_ends(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert await pods.here.lock(KEY, "mine", LONG_S)
        assert await pods.here.mark(KEY, "mine", MARK_S)
        for cache in (pods.here, pods.there):
            with pytest.raises(LoadJustFailed) as failed:
                await cache.lock(KEY, "theirs", LONG_S)
            assert failed.value.retry_after_s is not None
            assert 0 < failed.value.retry_after_s <= MARK_S
        assert not await pods.here.unlock(KEY, "mine"), "its lock has gone"
        await asyncio.sleep(MARK_S + SOON_S)
        assert await pods.there.lock(KEY, "theirs", LONG_S)

    caches.run(case, NETS)


def test_whoever_waits_is_woken_by_a_mark(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert await pods.here.lock(KEY, "mine", LONG_S)
        with pods.there.notification(KEY) as notification:
            assert await pods.here.mark(KEY, "mine", MARK_S)
            assert await notification.wait(5.0)

    caches.run(case, NETS)


def test_only_the_holder_of_the_lock_marks_and_never_touches_the_entry(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        newer = entry_of(pods)
        assert not await pods.here.mark(KEY, "mine", MARK_S), "a lease that is over marks nothing"
        assert await pods.there.lock(KEY, "theirs", LONG_S)
        assert not await pods.here.mark(KEY, "mine", MARK_S), "nor does one that is another's by now"
        assert await pods.there.put(KEY, newer, "theirs")
        assert await pods.here.lock(KEY, "mine", LONG_S)
        assert await pods.here.mark(KEY, "mine", MARK_S)
        assert await pods.there.get(KEY) == newer

    caches.run(case, NETS)


def test_a_mark_outlives_a_delete_which_says_nothing_of_the_origin(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert await pods.here.lock(KEY, "mine", LONG_S)
        assert await pods.here.mark(KEY, "mine", MARK_S)
        await pods.there.delete(KEY)
        with pytest.raises(LoadJustFailed):
            await pods.here.lock(KEY, "theirs", LONG_S)

    caches.run(case, NETS)


def test_a_mark_that_outlasts_the_longest_is_no_mark(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.lock(KEY, "mine", LONG_S)
        await pods.here.mark(KEY, "mine", 3 * MARK_S)  # as after Redis's clock was set back
        assert await pods.there.lock(KEY, "theirs", LONG_S)

    caches.run(case, NETS)


def test_an_entry_past_its_time_is_known_and_not_served_until_the_window_ends(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        entry = entry_of(pods, keep_for_s=SOON_S)
        assert await pods.here.put(KEY, entry)
        await asyncio.sleep(2 * SOON_S)
        assert await pods.there.get(KEY) is None
        assert await pods.there.last_known(KEY) == entry
        await asyncio.sleep(6 * SOON_S)
        assert await pods.there.last_known(KEY) is None

    caches.run(case, Nets(stale_if_error_s=4 * SOON_S))


def test_without_a_window_nothing_is_known_past_its_time(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert await pods.here.put(KEY, entry_of(pods, keep_for_s=SOON_S))
        assert await pods.here.last_known(KEY) is not None
        await asyncio.sleep(2 * SOON_S)
        assert await pods.here.last_known(KEY) is None

    caches.run(case)


def test_the_nets_need_a_cache_that_is_there(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        with pytest.raises(CacheAway):
            await pods.cut_off.mark(KEY, "mine", MARK_S)
        with pytest.raises(CacheAway):
            await pods.cut_off.last_known(KEY)

    caches.run(case, NETS)
