import asyncio

from app.notifications import Notifications
from loadtest.sim.kernel import loop


def test_everybody_who_waits_for_the_key_is_woken_and_nobody_else() -> None:
    async def main() -> None:
        notifications = Notifications()
        with (
            notifications.waiter("a") as first,
            notifications.waiter("a") as second,
            notifications.waiter("b") as other,
        ):
            asyncio.get_running_loop().call_later(1.5, notifications.notify, "a")
            woken = await asyncio.gather(first.wait(10), second.wait(10), other.wait(2))
            assert list(woken) == [True, True, False]
            assert asyncio.get_running_loop().time() == 2

    loop.run(main())


def test_an_announcement_before_the_wait_counts_once() -> None:
    async def main() -> None:
        notifications = Notifications()
        with notifications.waiter("a") as waiter:
            notifications.notify("a")
            notifications.notify("a")
            assert await waiter.wait(1)
            assert not await waiter.wait(1)
            assert asyncio.get_running_loop().time() == 1

    loop.run(main())


def test_an_announcement_is_for_those_who_listen_then() -> None:
    async def main() -> None:
        notifications = Notifications()
        notifications.notify("a")
        with notifications.waiter("a") as waiter:
            assert not await waiter.wait(1)

    loop.run(main())


def test_after_a_gap_everybody_is_woken() -> None:
    async def main() -> None:
        notifications = Notifications()
        with notifications.waiter("a") as first, notifications.waiter("b") as second:
            notifications.notify_all()
            assert await first.wait(1)
            assert await second.wait(1)
        notifications.notify_all()

    loop.run(main())


def test_a_waiter_that_is_cancelled_leaves_nothing_behind() -> None:
    async def main() -> None:
        notifications = Notifications()

        async def waits() -> None:
            with notifications.waiter("a") as waiter:
                await waiter.wait(100)

        waiting = [asyncio.create_task(waits()) for _ in range(3)]
        await asyncio.sleep(1)
        waiting[0].cancel()
        await asyncio.sleep(1)
        notifications.notify("a")
        await asyncio.gather(*waiting[1:])
        assert not notifications.waiters

    loop.run(main())
