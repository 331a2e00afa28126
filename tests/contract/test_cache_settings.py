"""The contract of a `Cache`, its settings by prefix: in memory and in the real Redis."""

import asyncio
from collections.abc import Callable

import pytest

from app.prefix_settings import SETTINGS_MAX
from tests.contract.caches import KEY, LONG_S, SOON_S, Caches, Pods

WITHIN_S = 5.0


async def soon(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - a setting is looked at, and nobody is told of it
            await asyncio.sleep(SOON_S / 3)


def test_every_pod_follows_a_setting_while_it_runs_and_the_longest_prefix_wins(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert await pods.here.set_setting("lab:any:", "ttl_s", 7.5, LONG_S)
        assert pods.here.setting(KEY, "ttl_s") is None, "it knows nothing yet"
        await soon(lambda: pods.here.setting(KEY, "ttl_s") == 7.5)
        await soon(lambda: pods.there.setting(KEY, "ttl_s") == 7.5)
        for prefix, value in (("", 1.0), (KEY, 9.0), (f"{KEY}0", 10.0), ("lab:any:7", -0.25)):
            assert await pods.there.set_setting(prefix, "ttl_s", value, LONG_S)
        for cache in (pods.here, pods.there):
            await soon(lambda cache=cache: cache.setting(KEY, "ttl_s") == -0.25)  # type: ignore[misc]
            assert cache.setting("lab:any:6", "ttl_s") == 7.5
            assert cache.setting("lab:other:6", "ttl_s") == 1.0
            assert cache.setting(f"{KEY}0", "ttl_s") == 10.0
            assert cache.setting(KEY, "another") is None

    caches.run(case)


def test_a_value_ends_by_itself_and_a_shorter_prefix_stands_again(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        pods.there.setting(KEY, "ttl_s")
        assert await pods.here.set_setting("lab:", "ttl_s", 1.0, LONG_S)
        assert await pods.here.set_setting("lab:any:", "ttl_s", 2.0, 10 * SOON_S)
        await soon(lambda: pods.there.setting(KEY, "ttl_s") == 2.0)
        await soon(lambda: pods.there.setting(KEY, "ttl_s") == 1.0)

    caches.run(case)


def test_no_more_settings_stand_than_may_and_those_that_have_ended_make_room(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        short_s = 20 * SOON_S
        for number in range(SETTINGS_MAX - 1):
            assert await pods.here.set_setting(f"lab:{number}", "ttl_s", 1.0, LONG_S)
        assert await pods.here.set_setting("lab:short", "ttl_s", 1.0, short_s)
        assert not await pods.there.set_setting("lab:any:", "ttl_s", 1.0, LONG_S)
        assert await pods.there.set_setting("lab:0", "ttl_s", 2.0, LONG_S), "one that is there can be set again"
        await asyncio.sleep(1.1 * short_s)
        assert await pods.there.set_setting("lab:any:", "ttl_s", 3.0, LONG_S)
        pods.here.setting(KEY, "ttl_s")
        await soon(lambda: pods.here.setting(KEY, "ttl_s") == 3.0)

    caches.run(case)


@pytest.mark.parametrize(
    ("prefix", "name", "value", "for_s", "said"),
    [
        ("lab:", "", 1.0, 1.0, "name"),
        ("lab:", "TTL", 1.0, 1.0, "name"),
        ("lab:", "a" * 33, 1.0, 1.0, "at most 32"),
        ("a b", "ttl_s", 1.0, 1.0, "prefix"),
        ("\u00e9", "ttl_s", 1.0, 1.0, "prefix"),
        ("a" * 101, "ttl_s", 1.0, 1.0, "at most 100"),
        ("lab:", "ttl_s", float("nan"), 1.0, "value must be finite"),
        ("lab:", "ttl_s", 1.0, 0.0, "for_s must be from 0.001 to 86400"),
        ("lab:", "ttl_s", 1.0, 86_401.0, "for_s must be from 0.001 to 86400"),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    caches: Caches, prefix: str, name: str, value: float, for_s: float, said: str
) -> None:
    async def case(pods: Pods) -> None:
        with pytest.raises(ValueError, match=said):
            await pods.here.set_setting(prefix, name, value, for_s)

    caches.run(case)
