"""A pod's subscription to what others announce in Redis, kept up for as long as the pod lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from app.redis_errors import translated
from app.strategy import CacheAway

log = logging.getLogger(__name__)
T = TypeVar("T")

CHANNEL = "lab:notifications"
"""The channel of keys whose waiters had better look: their lock was released, with an entry or without."""
DELETIONS = "lab:deletions"
"""The channel of keys whose entry was deleted, and whose lock has ended with it."""
SETTINGS = "lab:settings"
"""The channel of settings by prefix that were set."""
AGAIN_S = 0.25
"""How long after a lost connection the pod subscribes again."""
PING_EVERY_S = 1.0
"""How long a silent subscription waits before it sends PING, and then for the reply.

So a connection that died without a FIN is noticed within two of these.
"""


class Subscription:
    """The subscription of one pod: it passes what Redis publishes on to those that are to hear it."""

    def __init__(
        self, redis: Redis, hear: Mapping[str, Callable[[str], None]], missed: Callable[[], None], timeout_s: float
    ) -> None:
        """`hear` has a function for the messages of each channel, and `missed` is called when some may have been lost.

        `timeout_s` bounds each command that is sent.
        """
        self._redis, self._missed, self._timeout_s = redis, missed, timeout_s
        self._heard_by = {channel.encode(): heard for channel, heard in hear.items()}

    async def listen(self) -> None:
        """Pass messages on until cancelled. Each gap in them is passed on as such."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await self._send(pubsub.subscribe(*self._heard_by))
                    await self._pass_on(pubsub)
            except CacheAway as away:
                log.debug("notifications: %s", away)
            self._missed()
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
            said = message["data"]
            if isinstance(said, bytes):  # what is not UTF-8 is no key of the lab's, and has no waiter
                self._heard_by[message["channel"]](said.decode(errors="replace"))
        elif message["type"] == "subscribe":  # at first, or again by redis-py itself when the connection was lost
            self._missed()

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
