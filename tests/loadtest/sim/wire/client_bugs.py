"""Faults of a Redis client that are planted on purpose: each is one that somebody has written, or might."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app import cache, commands, pipe, reads, redis_address, scripts
from app.cache import RedisCache
from app.commands import Call, Command, Malformed
from app.lookout import AttentiveTime
from app.pipe import Pipe
from app.reads import _ReadBatch
from app.redis_address import RedisAddress
from app.scripts import Script
from app.strategy import CacheAway
from app.subscription import AGAIN_S, Subscription
from app.wire import Wire, WireOwner

Plant = Callable[[pytest.MonkeyPatch], None]


class LeavesReplies(Wire):
    """A command whose caller has gone leaves the queue, and its reply comes to the next one (redis-py #2624)."""

    def data_received(self, data: bytes) -> None:
        for command in [command for command in self.pending if _has_gone(command)]:
            self.pending.remove(command)
            command.fail(CacheAway("its caller has gone"))
        super().data_received(data)


def _has_gone(command: Command) -> bool:
    if isinstance(command, Call):
        return command.reply.done()
    assert isinstance(command, _ReadBatch)
    return all(value.done() for _, _, value in command._reads or ())


class OnePlaceOff(_ReadBatch):
    """Values are counted off by the readers that are there when they come, and not by those that were asked for."""

    __slots__ = ()

    def answer(self, reply: object) -> None:
        if not isinstance(reply, list) or len(reply) != len(self._reads or ()):
            raise Malformed("another number of values was asked for")
        waiting = [value for _, _, value in self._reads or () if not value.done()]
        for value, stored in zip(waiting, reply, strict=False):
            value.set_result(stored)
        self._end()


class DiesOfALostConnection(Subscription):
    """It listens as long as its first connection lives."""

    async def listen(self) -> None:
        try:
            async with self._redis.pubsub() as pubsub:
                await self._send(pubsub.subscribe(*self._heard_by))
                await self._pass_on(pubsub)
        except CacheAway:
            await asyncio.Event().wait()


class DiesOfABadMessage(Subscription):
    """It takes every message for text, and hears nothing more after the first one that is none."""

    is_dead = False

    def _hear(self, message: dict[str, object]) -> None:
        data = message["data"]
        if isinstance(data, bytes):
            try:
                data.decode()
            except UnicodeDecodeError:
                self.is_dead = True
        if not self.is_dead:
            super()._hear(message)


class MissesTheGap(Subscription):
    """What was published between a lost connection and the next subscription is nobody's business."""

    def _hear(self, message: dict[str, object]) -> None:
        if message["type"] != "subscribe":
            super()._hear(message)


class LeavesItsConnections(Subscription):
    """Each subscription has a connection, and the one before is given back to nobody."""

    async def listen(self) -> None:
        while True:
            pubsub = self._redis.pubsub()
            self.__dict__.setdefault("kept", []).append(pubsub)
            try:
                await self._send(pubsub.subscribe(*self._heard_by))
                await self._pass_on(pubsub)
            except CacheAway:
                self._missed()
            await asyncio.sleep(AGAIN_S)


class NeverHangsUp(Pipe):
    """Commands have their time-out, and the connection on which they get no reply has none."""

    def _break_off(self, why: CacheAway) -> None:
        if self._is_closed:
            super()._break_off(why)


class SendsBeforeItsGreeting(RedisAddress):
    """A connection is used while its greeting is still to be sent."""

    async def open(self, owner: WireOwner) -> Wire:
        wire = Wire(owner)
        await self._connect(lambda: wire)
        for words in self._greeting():
            greeting = Call[object]("hello", commands.packed(*words), commands.anything)
            asyncio.get_running_loop().call_soon(wire.send, greeting)
        return wire


class AnyTime(AttentiveTime):
    """A time-out is judged by the clock alone, however busy the loop is."""

    __slots__ = ()

    def now_s(self) -> float:
        return self._monotonic_s()

    def was_late(self, since_s: float) -> bool:
        return False


LOCK_OF_ANYBODY = Script("""
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
""")


def instead_of(module: object, replacement: type) -> Plant:
    """The planting of a class in the place of the one that it is derived from."""
    return lambda patch: patch.setattr(module, replacement.__mro__[1].__name__, replacement)


def refused_its_own_lock(patch: pytest.MonkeyPatch) -> None:
    """A lock that was sent again after a lost reply finds itself taken, and takes that for a refusal."""
    patch.setattr(scripts, "LOCK", LOCK_OF_ANYBODY)


def locks_twice(patch: pytest.MonkeyPatch) -> None:
    """A lock whose reply is lost is asked for again, under another token."""
    lock = RedisCache.lock

    async def lock_twice(self: RedisCache, key: str, token: str, lease_s: float) -> bool:
        try:
            return await lock(self, key, token, lease_s)
        except CacheAway:
            return await lock(self, key, f"{token}+", lease_s)

    patch.setattr(RedisCache, "lock", lock_twice)


def knows_its_scripts(patch: pytest.MonkeyPatch) -> None:
    """A script that Redis was sent once is there for ever."""
    ask = RedisCache._ask

    async def ask_by_name(self: RedisCache, name: str, pack: Any, read: Any, in_full: Any = None, **more: Any) -> Any:
        sent: set[str] = self.__dict__.setdefault("sent", set())
        is_known = name in sent
        sent.add(name)
        return await ask(self, name, pack, read, None if is_known else in_full, **more)

    patch.setattr(RedisCache, "_ask", ask_by_name)


leaves_replies = instead_of(redis_address, LeavesReplies)
one_place_off = instead_of(reads, OnePlaceOff)
dies_of_a_lost_connection = instead_of(cache, DiesOfALostConnection)
dies_of_a_bad_message = instead_of(cache, DiesOfABadMessage)
misses_the_gap = instead_of(cache, MissesTheGap)
leaves_its_connections = instead_of(cache, LeavesItsConnections)
never_hangs_up = instead_of(cache, NeverHangsUp)
sends_before_its_greeting = instead_of(cache, SendsBeforeItsGreeting)
any_time = instead_of(pipe, AnyTime)
