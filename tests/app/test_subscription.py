"""A subscription whose connection died without a word is noticed, and taken up again."""

import asyncio

import pytest

from app import subscription
from app.cache import RedisCache
from app.settings import Settings
from tests.contract.caches import KEY, CacheLog
from tests.fake_redis import fake_redis

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
