"""A pod's subscription to notifications of stored entries, kept up for as long as the pod lives."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from app.notifications import Notifications
from app.redis_errors import translated
from app.strategy import CacheAway

log = logging.getLogger(__name__)
T = TypeVar("T")

CHANNEL = "lab:notifications"
"""The channel of keys whose waiters had better look: their lock was released, with an entry or without."""
DELETIONS = "lab:deletions"
"""The channel of keys whose entry was deleted, and whose lock has ended with it."""
AGAIN_S = 0.25
"""How long after a lost connection the pod subscribes again."""
PING_EVERY_S = 1.0
"""How long a silent subscription waits before it sends PING, and then for the reply.

So a connection that died without a FIN is noticed within two of these.
"""


class Subscription:
    """The subscription of one pod: it passes what Redis publishes on to the pod's waiters."""

    def __init__(self, redis: Redis, notifications: Notifications, timeout_s: float) -> None:
        """`timeout_s` bounds each command that is sent."""
        self._redis = redis
        self._notifications = notifications
        self._timeout_s = timeout_s

    async def listen(self) -> None:
        """Pass notifications on until cancelled. After each gap every waiter is woken, and looks again."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await self._send(pubsub.subscribe(CHANNEL, DELETIONS))
                    await self._pass_on(pubsub)
            except CacheAway as away:
                log.debug("notifications: %s", away)
            self._notifications.notify_all()
            await asyncio.sleep(AGAIN_S)

    async def _pass_on(self, pubsub: PubSub) -> None:
        """Pass messages on until the connection is lost. Raises `CacheAway` then."""
        is_asked = False
        while True:
            message = await _translated(pubsub.get_message(timeout=PING_EVERY_S))
            if message is not None:
                is_asked = False
                self._hear(message)
            elif is_asked:
                raise CacheAway(f"no word for {2 * PING_EVERY_S:g} s")
            else:
                await self._send(pubsub.ping())
                is_asked = True

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            key = message["data"]
            if isinstance(key, bytes):  # what is not UTF-8 is no key of the lab's, and has no waiter
                self._notifications.notify(key.decode(errors="replace"), message["channel"] == DELETIONS.encode())
        elif message["type"] == "subscribe":  # at first, or again by redis-py itself when the connection was lost
            self._notifications.notify_all()

    async def _send(self, command: Awaitable[Any]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(self._timeout_s):
                await command

        await _translated(bounded())


async def _translated(work: Awaitable[T]) -> T:
    try:
        return await work
    except Exception as error:
        raise translated("subscribe", error) from error
