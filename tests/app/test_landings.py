import asyncio

from app.landings import Landings
from loadtest.sim.kernel import loop


def test_everybody_who_waits_for_the_key_is_woken_and_nobody_else() -> None:
    async def main() -> None:
        landings = Landings()
        with landings.waiter("a") as first, landings.waiter("a") as second, landings.waiter("b") as other:
            asyncio.get_running_loop().call_later(1.5, landings.announce, "a")
            woken = await asyncio.gather(first.wait(10), second.wait(10), other.wait(2))
            assert list(woken) == [True, True, False]
            assert asyncio.get_running_loop().time() == 2

    loop.run(main())


def test_an_announcement_before_the_wait_counts_once() -> None:
    async def main() -> None:
        landings = Landings()
        with landings.waiter("a") as waiter:
            landings.announce("a")
            landings.announce("a")
            assert await waiter.wait(1)
            assert not await waiter.wait(1)
            assert asyncio.get_running_loop().time() == 1

    loop.run(main())


def test_an_announcement_is_for_those_who_listen_then() -> None:
    async def main() -> None:
        landings = Landings()
        landings.announce("a")
        with landings.waiter("a") as waiter:
            assert not await waiter.wait(1)

    loop.run(main())


def test_after_a_gap_everybody_is_woken() -> None:
    async def main() -> None:
        landings = Landings()
        with landings.waiter("a") as first, landings.waiter("b") as second:
            landings.announce_all()
            assert await first.wait(1)
            assert await second.wait(1)
        landings.announce_all()

    loop.run(main())


def test_a_waiter_that_is_cancelled_leaves_nothing_behind() -> None:
    async def main() -> None:
        landings = Landings()

        async def waits() -> None:
            with landings.waiter("a") as waiter:
                await waiter.wait(100)

        waiting = [asyncio.create_task(waits()) for _ in range(3)]
        await asyncio.sleep(1)
        waiting[0].cancel()
        await asyncio.sleep(1)
        landings.announce("a")
        await asyncio.gather(*waiting[1:])
        assert not landings._waiters

    loop.run(main())
