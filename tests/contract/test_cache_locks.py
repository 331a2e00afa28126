"""The contract of a `Cache`, its locks and notifications: again the one in memory and the real Redis."""

import asyncio

import pytest

from tests.contract.caches import KEY, LONG_S, SOON_S, Caches, Pods, entry_of

WAKE_S_MAX = 5.0  # a wake-up that takes as long has been missed


def test_only_one_token_takes_the_lock_and_may_take_it_again(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert await pods.here.lock(KEY, "mine", LONG_S)
        assert not await pods.there.lock(KEY, "theirs", LONG_S)
        assert not await pods.here.lock(KEY, "theirs", LONG_S)
        assert await pods.here.lock(KEY, "mine", LONG_S), "a command that was sent twice must find its own token"
        assert await pods.there.lock(f"{KEY}0", "theirs", LONG_S)

    caches.run(case)


def test_of_many_that_ask_at_once_one_takes_the_lock(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        asked = [(pods.here, pods.there)[number % 2].lock(KEY, f"token {number}", LONG_S) for number in range(40)]
        assert sum(await asyncio.gather(*asked)) == 1

    caches.run(case)


def test_a_lock_is_free_again_when_its_lease_ends(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert await pods.here.lock(KEY, "mine", SOON_S)
        await asyncio.sleep(2 * SOON_S)
        assert await pods.there.lock(KEY, "theirs", LONG_S)
        assert not await pods.here.renew(KEY, "mine", LONG_S)
        assert not await pods.here.unlock(KEY, "mine")
        assert not await pods.here.lock(KEY, "mine", LONG_S)

    caches.run(case)


def test_a_lock_without_an_end_is_over_a_lease_after_somebody_wants_it(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.lock_for_ever()
        assert not await pods.here.lock(KEY, "mine", SOON_S)
        await asyncio.sleep(2 * SOON_S)
        assert await pods.there.lock(KEY, "mine", LONG_S)

    caches.run(case)


def test_taking_the_lock_twice_does_not_extend_the_lease(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.lock(KEY, "mine", 5 * SOON_S)
        await pods.here.lock(KEY, "mine", LONG_S)
        await asyncio.sleep(6 * SOON_S)
        assert await pods.there.lock(KEY, "theirs", LONG_S)

    caches.run(case)


def test_only_the_holder_renews_and_a_renewed_lock_outlives_its_first_lease(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert not await pods.here.renew(KEY, "mine", LONG_S), "there is no lock yet"
        await pods.here.lock(KEY, "mine", 10 * SOON_S)
        assert not await pods.there.renew(KEY, "theirs", LONG_S)
        assert await pods.here.renew(KEY, "mine", LONG_S)
        await asyncio.sleep(11 * SOON_S)
        assert not await pods.there.lock(KEY, "theirs", LONG_S)

    caches.run(case)


def test_only_the_holder_unlocks(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.lock(KEY, "mine", LONG_S)
        assert not await pods.there.unlock(KEY, "theirs")
        assert not await pods.there.lock(KEY, "theirs", LONG_S)
        assert await pods.here.unlock(KEY, "mine")
        assert not await pods.here.unlock(KEY, "mine")
        assert await pods.there.lock(KEY, "theirs", LONG_S)

    caches.run(case)


def test_the_holders_put_stores_and_releases(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        entry = entry_of(pods)
        await pods.here.lock(KEY, "mine", LONG_S)
        assert await pods.here.put(KEY, entry, "mine")
        assert await pods.there.get(KEY) == entry
        assert await pods.there.lock(KEY, "theirs", LONG_S)

    caches.run(case)


def test_a_put_is_refused_once_the_lock_is_lost(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.lock(KEY, "mine", SOON_S)
        await asyncio.sleep(2 * SOON_S)
        assert not await pods.here.put(KEY, entry_of(pods, "late"), "mine"), "nobody holds the lock"
        await pods.there.lock(KEY, "theirs", LONG_S)
        assert not await pods.here.put(KEY, entry_of(pods, "late"), "mine"), "another one holds the lock"
        assert await pods.here.get(KEY) is None
        newer = entry_of(pods, "newer")
        assert await pods.there.put(KEY, newer, "theirs")
        assert not await pods.here.put(KEY, entry_of(pods, "late"), "mine"), "it was given back"
        assert await pods.here.get(KEY) == newer

    caches.run(case)


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_delete_ends_the_lock_and_no_load_from_before_it_stores_after_it(caches: Caches, is_stored: bool) -> None:
    async def case(pods: Pods) -> None:
        if is_stored:
            await pods.here.put(KEY, entry_of(pods))
        assert await pods.here.lock(KEY, "before", LONG_S)
        assert await pods.there.lock(f"{KEY}0", "another key", LONG_S)
        assert await pods.there.delete(KEY) == is_stored
        assert not await pods.here.renew(KEY, "before", LONG_S)
        assert not await pods.here.put(KEY, entry_of(pods, "from before"), "before")
        assert await pods.there.lock(KEY, "after", LONG_S), "it is free at once"
        assert not await pods.here.put(KEY, entry_of(pods, "from before"), "before")
        assert not await pods.here.unlock(KEY, "before")
        after = entry_of(pods, "after")
        assert await pods.there.put(KEY, after, "after")
        assert await pods.here.get(KEY) == after
        assert await pods.there.unlock(f"{KEY}0", "another key")

    caches.run(case)


def test_who_waits_is_woken_by_a_delete_and_can_tell_it_from_a_put(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.lock(KEY, "mine", LONG_S)
        with pods.here.notification(KEY) as here, pods.there.notification(KEY) as there:
            await pods.here.put(KEY, entry_of(pods), "mine")
            assert [await one.wait(WAKE_S_MAX) for one in (here, there)] == [True, True]
            assert [one.deletions for one in (here, there)] == [0, 0]
            await pods.here.delete(KEY)
            assert [await one.wait(WAKE_S_MAX) for one in (here, there)] == [True, True]
            assert [one.deletions for one in (here, there)] == [1, 1]

    caches.run(case)


@pytest.mark.parametrize("by", ["put", "unlock"])
def test_a_fenced_put_and_an_unlock_wake_who_waits_in_every_pod(caches: Caches, by: str) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.lock(KEY, "mine", LONG_S)
        with (
            pods.here.notification(KEY) as here,
            pods.there.notification(KEY) as there,
            pods.there.notification("other") as other,
        ):
            waiters = [asyncio.create_task(notification.wait(WAKE_S_MAX)) for notification in (here, there)]
            await asyncio.sleep(0)
            if by == "put":
                await pods.here.put(KEY, entry_of(pods), "mine")
            else:
                await pods.here.unlock(KEY, "mine")
            assert [await waiter for waiter in waiters] == [True, True]
            assert not await other.wait(SOON_S)

    caches.run(case)


def test_a_notification_between_entering_and_waiting_is_not_missed(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.lock(KEY, "mine", LONG_S)
        with pods.there.notification(KEY) as notification:
            await pods.here.put(KEY, entry_of(pods), "mine")
            await asyncio.sleep(2 * SOON_S)
            assert await notification.wait(0)

    caches.run(case)


def test_nothing_is_announced_by_what_was_refused_or_not_fenced(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        await pods.here.lock(KEY, "mine", LONG_S)
        with pods.there.notification(KEY) as notification:
            await pods.there.put(KEY, entry_of(pods), "theirs")
            await pods.there.unlock(KEY, "theirs")
            await pods.there.renew(KEY, "theirs", LONG_S)
            await pods.here.renew(KEY, "mine", LONG_S)
            await pods.here.put(KEY, entry_of(pods))
            assert not await notification.wait(SOON_S)

    caches.run(case)


def test_a_command_whose_caller_goes_away_has_its_effect(caches: Caches) -> None:
    async def case(pods: Pods) -> None:
        assert await pods.there.lock("lab:any:8", "theirs", LONG_S)  # or Redis has no script, and it is not sent again
        caller = asyncio.ensure_future(pods.here.lock(KEY, "mine", LONG_S))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.sleep(2 * SOON_S)
        assert not await pods.there.lock(KEY, "theirs", LONG_S)

    caches.run(case)
