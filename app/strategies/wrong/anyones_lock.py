import asyncio

from app.strategy import Loader, LoadReason, Lookup, Shed, Status, Strategy, parameter


class AnyonesLock(Strategy):
    """A lock that whoever leaves releases, by its name alone: no token is compared.

    Expect:     one load per expiry, as long as the origin is quick. Where a load takes longer than a waiter waits, each
                waiter that gives up releases the holder's lock, and the next request loads beside it.
    Where it hurts: when the origin is slow, which is when the lock was needed: from one load to one for each request.
    Reference:  `finally: redis.delete(lock)` in public code. Redis's page on SET: remove the key only if the value is
                still the random one that was stored.
    """

    right_twin = "singleflight"
    lease_s: float = parameter(10.0, "after which a lock ends by itself, seconds", low=0.1, high=600)
    wait_s: float = parameter(1.0, "how long a request waits for another's load, seconds", low=0, high=60)
    poll_s: float = parameter(0.05, "how often a waiter looks, seconds", low=0.001, high=10)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        return await self._locked(key, load) if entry is None else Lookup(Status.HIT, entry)

    async def _locked(self, key: str, load: Loader) -> Lookup:
        cache, lock = self.lab.cache, f"{key}:lock-of-anyone"
        try:
            if await cache.lock(lock, f"{self.lab.clock.now_s()} {self.lab.rng.random()}", self.lease_s):
                return Lookup(Status.MISS, await self.lab.store(key, await load(LoadReason.MISS), self.ttl_s))
            for _ in range(int(self.wait_s / self.poll_s)):
                await asyncio.sleep(self.poll_s)
                if (entry := await cache.get(key)) is not None:
                    return Lookup(Status.COLLAPSED, entry)
            raise Shed(f"no answer within {self.wait_s:g} s of waiting (anyones_lock.wait_s)")
        finally:
            await cache.delete(lock)  # the mistake: whose it is does not matter
