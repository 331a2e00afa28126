"""A pod's subscription to what others announce in Redis, kept up for as long as the pod lives.

Messages that invalidate the copies of local tiers come by the same connection, so that one gap is the gap of all. They
are what pods publish, or what Redis tells by itself: CLIENT TRACKING in BCAST mode, redirected to this connection.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.connection import AbstractConnection

from app.commands import ServerRefused
from app.local_tier import LocalTiers
from app.redis_errors import translated
from app.sparing_log import SparingLog
from app.strategy import CacheAway

log = logging.getLogger(__name__)
T = TypeVar("T")

CHANNEL = "lab:notifications"
"""The channel of keys whose waiters had better look: their lock was released, with an entry or without."""
DELETIONS = "lab:deletions"
"""The channel of keys whose entry was deleted, and whose lock has ended with it."""
SETTINGS = "lab:settings"
"""The channel of settings by prefix that were set."""
STORED = "lab:stored"
"""The channel of entries that were stored, of which local tiers may have older copies; only those are told there."""
TRACKING = "__redis__:invalidate"
"""The channel on which Redis itself tells of tracked keys that change."""
AGAIN_S = 0.25
"""How long after a lost connection the pod subscribes again."""
PING_EVERY_S = 1.0
"""How long a silent subscription waits before it sends PING, and then for the reply.

So a connection that died without a FIN is noticed within two of these.
"""


class Subscription:
    """The subscription of one pod: it passes what Redis publishes on to those that are to hear it."""

    def __init__(
        self,
        redis: Redis,
        hear: Mapping[str, Callable[[str], None]],
        missed: Callable[[], None],
        timeout_s: float,
        tiers: LocalTiers,
    ) -> None:
        """`hear` has a function for the messages of each channel, and `missed` is called when some may have been lost.

        `timeout_s` bounds each command that is sent. Local tiers are emptied when a gap is over. While Redis is away
        their copies are the best that there is, and none lives for longer than its time.
        """
        self._redis, self._missed, self._timeout_s, self._tiers = redis, missed, timeout_s, tiers
        self._sparing = SparingLog(log)
        self._has_lost_tracking = False
        self.is_heard = False
        """Whether the pod was subscribed when it last looked, so that what is published reaches it."""
        self._heard_by = {channel.encode(): heard for channel, heard in hear.items()}

    async def listen(self) -> None:
        """Pass messages on until cancelled. Each gap in them is passed on as such."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    is_tracked = await self._track(pubsub)
                    await self._send(pubsub.subscribe(*self._heard_by, *([TRACKING] if is_tracked else [])))
                    await self._pass_on(pubsub)
            except CacheAway as away:
                log.debug("notifications: %s", away)
            self.is_heard = False
            self._missed()
            await asyncio.sleep(AGAIN_S)

    async def _track(self, pubsub: PubSub) -> bool:
        """Let Redis tell this connection of the keys that local tiers track, if any, and tell whether it does."""
        if not (prefixes := self._tiers.tracked):
            return False
        words = [word for prefix in prefixes for word in ("PREFIX", prefix)]
        try:
            await self._send(pubsub.connect())  # type: ignore[no-untyped-call]
            connection: Any = pubsub.connection
            connection.register_connect_callback(self._lose_tracking)
            number = await self._ask(connection, "CLIENT", "ID")
            await self._ask(connection, "CLIENT", "TRACKING", "ON", "REDIRECT", number, "BCAST", *words)
        except ServerRefused as refused:
            self._sparing.warning("tracking", "local tiers go by the time of their copies alone: %s", refused)
            return False
        self._has_lost_tracking = False
        return True

    async def _lose_tracking(self, connection: AbstractConnection) -> None:
        """Note that redis-py has connected anew by itself: it subscribes again, and nothing is tracked there."""
        self._has_lost_tracking = True

    async def _ask(self, connection: AbstractConnection, *words: Any) -> Any:
        """Send a command on the connection before it subscribes, and return the reply. Raises `CacheAway`."""
        await self._send(connection.send_command(*words))
        return await self._send(connection.read_response())

    async def _pass_on(self, pubsub: PubSub) -> None:
        """Pass messages on until the connection is lost. Raises `CacheAway` then."""
        is_asked = False
        while True:
            # its own time-out is for reading alone: where redis-py connects anew, it waits without end to be greeted
            message = await _within(2 * PING_EVERY_S, pubsub.get_message(timeout=PING_EVERY_S))
            if message is not None:
                is_asked = False
                self._hear(message)
                if self._has_lost_tracking:
                    raise CacheAway("nothing is tracked on a connection that was made anew")
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
            elif message["channel"] == TRACKING.encode():
                self._hear_tracked(said)
        elif message["type"] == "subscribe":  # at first, or again by redis-py itself when the connection was lost
            self.is_heard = True
            self._missed()
            self._tiers.miss_messages()

    def _hear_tracked(self, keys: list[Any] | None) -> None:
        """Take the keys that have changed; None for all of them."""
        if keys is None:
            self._tiers.hear_flushed()
            return
        for key in keys:
            if isinstance(key, bytes):
                self._tiers.hear_changed(key.decode(errors="replace"))

    async def _send(self, command: Awaitable[T]) -> T:
        return await _within(self._timeout_s, command)


async def _within(seconds: float, work: Awaitable[T]) -> T:
    """Wait so long for what redis-py does, none of which is awaited without a bound. Raises `CacheAway`."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except Exception as error:
        raise translated("subscribe", error) from error
