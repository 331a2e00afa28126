"""The contract of a `Cache`, its entries: the one in memory and the real Redis go through the same cases."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from app.strategy import CLOCK_ERROR_S_MAX, CacheAway, Entry
from tests.contract.caches import KEY, LONG_S, SOON_S, Caches, Pods, entry_of


def test_what_one_pod_puts_every_pod_gets_to_the_last_bit(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        entry = entry_of(pods)
        assert await pods.here.get(KEY) is None
        assert await pods.here.put(KEY, entry)
        assert await pods.here.get(KEY) == entry
        assert await pods.there.get(KEY) == entry
        assert await pods.there.get(f"{KEY}0") is None

    caches.run(case)


def test_what_one_pod_deletes_no_pod_gets(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.put(KEY, entry_of(pods))
        await pods.here.put(f"{KEY}0", entry_of(pods))
        assert await pods.there.delete(KEY)
        assert await pods.here.get(KEY) is None
        assert await pods.here.get(f"{KEY}0") is not None
        assert not await pods.here.delete(KEY), "there is none any more"

    caches.run(case)


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 1000])
def test_an_absence_and_any_bytes_are_kept(caches: Caches, body: bytes) -> None:
    async def case(pods: Pods) -> None:
        entry = replace(entry_of(pods), body=body, absent=True)
        await pods.here.put(KEY, entry)
        assert await pods.there.get(KEY) == entry

    caches.run(case)


def test_an_entry_is_gone_after_its_keep_until_and_not_before(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.put(KEY, entry_of(pods, keep_for_s=15 * SOON_S))
        await asyncio.sleep(2 * SOON_S)
        assert await pods.there.get(KEY) is not None
        await asyncio.sleep(14 * SOON_S)
        assert await pods.there.get(KEY) is None

    caches.run(case)


def test_an_entry_that_is_past_its_time_already_does_not_stay(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.put(KEY, entry_of(pods, keep_for_s=-1))
        await asyncio.sleep(SOON_S)
        assert await pods.there.get(KEY) is None

    caches.run(case)


@pytest.mark.parametrize(("ahead_s", "is_there"), [(0.5 * CLOCK_ERROR_S_MAX, True), (3_600.0, False)])
def test_an_entry_from_further_in_the_future_than_clocks_are_apart_is_none(
    caches: Caches, ahead_s: float, is_there: bool
) -> None:
    """As when the clock of a pod is set right between the origin's answer and the write, or Redis's is set back."""

    async def case(pods: Pods) -> None:
        read_at_s = pods.clock.now_s() + ahead_s
        ahead = Entry(b"ahead", read_at_s, read_at_s + 5, read_at_s + 10, 0.1)
        await pods.here.put(KEY, ahead)
        assert await pods.there.get(KEY) == (ahead if is_there else None)

    caches.run(case)


def test_a_later_put_replaces_entry_and_expiry(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.put(KEY, entry_of(pods, "first", keep_for_s=SOON_S))
        second = entry_of(pods, "second")
        await pods.there.put(KEY, second)
        await asyncio.sleep(2 * SOON_S)
        assert await pods.here.get(KEY) == second

    caches.run(case)


@pytest.mark.parametrize(
    "command", ["get", "put", "fenced put", "delete", "lock", "renew", "unlock", "counted", "set_setting"]
)
def test_every_command_says_so_when_the_cache_is_away(caches: Caches, command: str) -> None:
    async def case(pods: Pods) -> None:
        cache, entry = pods.cut_off, entry_of(pods)
        commands: dict[str, Callable[[], Awaitable[object]]] = {
            "get": lambda: cache.get(KEY),
            "put": lambda: cache.put(KEY, entry),
            "fenced put": lambda: cache.put(KEY, entry, "mine"),
            "delete": lambda: cache.delete(KEY),
            "lock": lambda: cache.lock(KEY, "mine", LONG_S),
            "renew": lambda: cache.renew(KEY, "mine", LONG_S),
            "unlock": lambda: cache.unlock(KEY, "mine"),
            "counted": lambda: cache.counted(KEY, 1.0),
            "set_setting": lambda: cache.set_setting("lab:", "ttl_s", 1.0, LONG_S),
        }
        with pytest.raises(CacheAway):
            await commands[command]()

    caches.run(case)
