"""A subscription whose connection died without a word is noticed, and taken up again."""

import asyncio

import pytest

from app import subscription
from app.cache import RedisCache
from app.settings import Settings
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.network import Network
from tests.contract.caches import KEY, CacheLog
from tests.fake_redis import FakeRedis, fake_redis

PING_EVERY_S = 0.1


def test_a_subscription_that_is_silently_dead_is_noticed_and_wake_ups_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription, "PING_EVERY_S", PING_EVERY_S)

    async def main() -> None:
        async with fake_redis() as server:
            cache = RedisCache(Settings(redis_url=server.url), CacheLog())
            await cache.start()
            await asyncio.sleep(5 * PING_EVERY_S)
            assert server.subscribed == 1  # one that is asked and answers stays
            with cache.notification(KEY) as notification:
                server.notify(KEY.encode())
                assert await notification.wait(5.0)
                server.go_silent()
                server.notify(KEY.encode())
                assert await notification.wait(5.0)  # what was notified in the gap is lost: everybody had better look
                await asyncio.sleep(subscription.AGAIN_S + PING_EVERY_S)
                while await notification.wait(0.05):
                    pass
                assert server.subscribed == 2
                server.notify(KEY.encode())
                assert await notification.wait(5.0)
            await cache.aclose()

    asyncio.run(main())


def test_a_subscription_that_was_made_anew_and_is_not_answered_is_given_up() -> None:
    """redis-py connects again within the read of a message, and waits without end for the answer to its greeting."""

    async def main() -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        running.network, server = Network(running), FakeRedis()
        running.network.listen(
            "redis", 6379, lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), server.serve)
        )
        cache = RedisCache(Settings(redis_url="redis://redis:6379/0"), CacheLog(), running.time)
        await cache.start()
        await asyncio.sleep(1.0)
        server.is_mute = True
        server.hang_up()
        await asyncio.sleep(0.1)
        server.is_mute = False
        await asyncio.sleep(3 * subscription.PING_EVERY_S)
        with cache.notification(KEY) as notification:
            server.notify(KEY.encode())
            assert await notification.wait(1.0)
        assert server.subscribed == 2
        await cache.aclose()

    loop.run(main())
