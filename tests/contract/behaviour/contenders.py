"""Tiny contenders over redis-py: right ones of each class of protection, and one for each mistake that is made."""

import asyncio
import uuid

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.contender import Contender, LoadValue, Site

LEASE_S = 3.0
POLL_S = 0.1


class Plain(Contender):
    """GET, load, SET: what the others have in common. Every reader loads; without Redis it loads, too."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.client = Redis.from_url(site.redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)

    async def get(self, key: str, load: LoadValue) -> bytes:
        body = await self.cached(key)
        return await self.fill(key, load) if body is None else body

    async def cached(self, key: str) -> bytes | None:
        try:
            found: bytes | None = await self.client.get(key)  # type: ignore[assignment]
        except RedisError:
            return None
        return found

    async def fill(self, key: str, load: LoadValue) -> bytes:
        body = await load()
        await self.store(key, body)
        return body

    async def store(self, key: str, body: bytes) -> None:
        try:
            await self.client.set(key, body, px=round(self.site.ttl_s * 1000))
        except RedisError:
            pass

    async def aclose(self) -> None:
        await self.client.aclose()


class PerPod(Plain):
    """Collapses the requests of a pod into a task of their own, which no cancellation reaches."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.flights: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, key: str, load: LoadValue) -> bytes:
        if (body := await self.cached(key)) is not None:
            return body
        if (flight := self.flights.get(key)) is None:
            flight = self.flights[key] = asyncio.create_task(self.fly(key, load))
            flight.add_done_callback(lambda done: self.landed(key, done))
        return await asyncio.shield(flight)

    async def fly(self, key: str, load: LoadValue) -> bytes:
        return await self.fill(key, load)

    def landed(self, key: str, flight: asyncio.Task[bytes]) -> None:
        del self.flights[key]
        if not flight.cancelled():
            flight.exception()

    async def aclose(self) -> None:
        for flight in self.flights.values():
            flight.cancel()
        await asyncio.gather(*self.flights.values(), return_exceptions=True)
        await super().aclose()


class OneAtAll(PerPod):
    """One flight of all pods holds a lock with a lease, and frees it; the others poll."""

    async def fly(self, key: str, load: LoadValue) -> bytes:
        token = uuid.uuid4().hex
        while True:
            try:
                taken = await self.client.set(f"{key}:lock", token, nx=True, px=round(LEASE_S * 1000))
            except RedisError:
                return await load()
            if taken:
                break
            await asyncio.sleep(POLL_S)
            if (body := await self.cached(key)) is not None:
                return body
        try:
            body = await self.cached(key)
            return await self.fill(key, load) if body is None else body
        finally:
            await self.free(key, token)

    async def free(self, key: str, token: str) -> None:
        try:
            if await self.client.get(f"{key}:lock") == token.encode():
                await self.client.delete(f"{key}:lock")
        except RedisError:
            pass


class LockStays(OneAtAll):
    """The lock has no lease: it stays where its holder dies."""

    async def fly(self, key: str, load: LoadValue) -> bytes:
        while not await self.client.set(f"{key}:lock", "held", nx=True):
            await asyncio.sleep(POLL_S)
            if (body := await self.cached(key)) is not None:
                return body
        try:
            body = await self.cached(key)
            return await self.fill(key, load) if body is None else body
        finally:
            await self.client.delete(f"{key}:lock")


class KeepsTheLock(Plain):
    """The request that loads holds a lock for 30 s, and frees it only where its load succeeded; others look again."""

    async def get(self, key: str, load: LoadValue) -> bytes:
        while (body := await self.cached(key)) is None:
            if await self.client.set(f"{key}:lock", "held", nx=True, px=30_000):
                body = await self.fill(key, load)
                await self.client.delete(f"{key}:lock")
                return body
            await asyncio.sleep(1.0)
        return body


class RemembersFailures(PerPod):
    """A flight that has failed stays in the map."""

    def landed(self, key: str, flight: asyncio.Task[bytes]) -> None:
        if not flight.cancelled() and flight.exception() is None:
            del self.flights[key]


class LeaderTakesAllDown(Plain):
    """The first request loads for those of its pod, who wait for an event that it never sets once it is cancelled."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.events: dict[str, asyncio.Event] = {}

    async def get(self, key: str, load: LoadValue) -> bytes:
        if (body := await self.cached(key)) is not None:
            return body
        if (event := self.events.get(key)) is not None:
            await event.wait()
            return await self.get(key, load)
        self.events[key] = asyncio.Event()
        body = await self.fill(key, load)
        self.events.pop(key).set()
        return body


class CancelsTheOthers(PerPod):
    """All requests of a pod await one task unshielded, so that the cancellation of one is everybody's."""

    async def get(self, key: str, load: LoadValue) -> bytes:
        if (body := await self.cached(key)) is not None:
            return body
        if (flight := self.flights.get(key)) is None:
            flight = self.flights[key] = asyncio.create_task(self.fly(key, load))
            flight.add_done_callback(lambda done: self.landed(key, done))
        return await flight


class NeverExpires(Plain):
    async def store(self, key: str, body: bytes) -> None:
        await self.client.set(key, body)


class MixesKeys(Plain):
    """Keys that differ in their last character share an entry."""

    async def get(self, key: str, load: LoadValue) -> bytes:
        return await super().get(key[:-1], load)


class ServesStale(Plain):
    """Keeps values for another TTL than the one stated."""

    async def store(self, key: str, body: bytes) -> None:
        await self.client.set(key, body, px=round(self.site.ttl_s * 2000))


class SaysSo(ServesStale):
    """The same, as its documentation has it."""

    def serves_stale_s(self, ttl_s: float) -> float:
        return ttl_s


class DiesWithRedis(Plain):
    """An error of Redis is one of the request."""

    async def cached(self, key: str) -> bytes | None:
        found: bytes | None = await self.client.get(key)  # type: ignore[assignment]
        return found


class NeverBack(Plain):
    """Gives Redis up at its first error, for good."""

    is_up = True

    async def cached(self, key: str) -> bytes | None:
        if not self.is_up:
            return None
        try:
            found: bytes | None = await self.client.get(key)  # type: ignore[assignment]
        except RedisError:
            self.is_up = False
            return None
        return found


class RefusesLarge(Plain):
    async def store(self, key: str, body: bytes) -> None:
        if len(body) < 1_000_000:
            await super().store(key, body)


class LeavesTasks(Plain):
    """Starts a task for each fill, which nobody owns."""

    async def store(self, key: str, body: bytes) -> None:
        await super().store(key, body)
        self.forgotten = asyncio.ensure_future(asyncio.sleep(3_000))


class LeavesConnections(Plain):
    async def aclose(self) -> None:
        pass


class AnswersNone(Plain):
    async def get(self, key: str, load: LoadValue) -> bytes:
        await super().get(key, load)
        return None  # type: ignore[return-value]


class FourAtOnce(Plain):
    """Lets 4 readers load at once, and the others wait."""

    async def get(self, key: str, load: LoadValue) -> bytes:
        if (body := await self.cached(key)) is not None:
            return body
        for number in range(4):
            if await self.client.set(f"{key}:{number}", "held", nx=True, px=round(LEASE_S * 1000)):
                try:
                    return await self.fill(key, load)
                finally:
                    await self.client.delete(f"{key}:{number}")
        await asyncio.sleep(POLL_S)
        return await self.get(key, load)


class KeepsAnIndex(Plain):
    """Keeps a set of its keys, which is outside its prefix and has no expiry."""

    async def store(self, key: str, body: bytes) -> None:
        await super().store(key, body)
        await self.client.sadd("index", key)
