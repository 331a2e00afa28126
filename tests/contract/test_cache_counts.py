"""The contract of a `Cache`, its counts in a sliding window: in memory and in the real Redis."""

import asyncio

import pytest

from app.strategy import CacheAway
from tests.contract.caches import KEY, SOON_S, Caches, Pods

FLUSH_S = 0.1
LONG_WINDOW_S = 600.0


def test_every_pod_is_told_what_all_pods_have_counted(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        for _ in range(30):
            pods.here.count(KEY, LONG_WINDOW_S)
        for _ in range(12):
            pods.there.count(KEY, LONG_WINDOW_S)
            pods.there.count(f"{KEY}0", LONG_WINDOW_S)
        assert await pods.here.counted(KEY, LONG_WINDOW_S) == 30, "a pod knows of its own at once"
        await asyncio.sleep(2 * FLUSH_S)
        for cache in (pods.here, pods.there):
            assert await cache.counted(KEY, LONG_WINDOW_S) == pytest.approx(42, rel=0.01)
            assert await cache.counted(f"{KEY}0", LONG_WINDOW_S) == pytest.approx(12, rel=0.01)
            assert await cache.counted(KEY, LONG_WINDOW_S / 2) == 0, "another window is counted for itself"
        pods.here.count(KEY, LONG_WINDOW_S)
        await asyncio.sleep(2 * FLUSH_S)
        assert await pods.there.counted(KEY, LONG_WINDOW_S) == pytest.approx(43, rel=0.01)

    caches.run(case)


def test_what_is_past_is_forgotten_after_two_windows_at_the_latest(caches: Caches) -> None:
    window_s = 0.3

    async def case(pods: Pods) -> None:
        for _ in range(10):
            pods.here.count(KEY, window_s)
        await asyncio.sleep(FLUSH_S + SOON_S)
        assert 0 < await pods.there.counted(KEY, window_s) <= 10
        await asyncio.sleep(2 * window_s)
        assert await pods.there.counted(KEY, window_s) == 0

    caches.run(case)


@pytest.mark.parametrize("window_s", [0.0, -1.0, 0.099, 86_401.0, float("nan"), float("inf")])
def test_a_window_out_of_bounds_is_refused(caches: Caches, window_s: float) -> None:
    async def case(pods: Pods) -> None:
        with pytest.raises(ValueError, match=r"window_s must be from 0\.1 to 86400"):
            pods.here.count(KEY, window_s)
        with pytest.raises(ValueError, match=r"window_s must be from 0\.1 to 86400"):
            await pods.here.counted(KEY, window_s)

    caches.run(case)


def test_a_cache_that_is_away_costs_the_count_and_nothing_else(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        pods.cut_off.count(KEY, LONG_WINDOW_S)
        await asyncio.sleep(2 * FLUSH_S)
        pods.cut_off.count(KEY, LONG_WINDOW_S)
        with pytest.raises(CacheAway):
            await pods.cut_off.counted(KEY, LONG_WINDOW_S)

    caches.run(case)
