import asyncio

from app.strategy import Loader, LoadReason, Lookup, Shed, Status, Strategy, parameter


class OutlivingLock(Strategy):
    """A lock with a long lease that is never renewed, and that only a load which succeeds releases.

    Expect:     one load per expiry, as long as no holder dies and no load fails.
    Where it hurts: when the holder dies in mid-load: the key stays locked until the lease ends, and whoever waits for
                less than that fails. A lease of a second, renewed while the holder lives, costs a second.
    Reference:  "Cache stampede, a primer": a lock for 10 s, and a wait of 5 s. Simulated with a dead holder: 533 errors
                of 2,000 requests at 100/s, and none with a lease of 1 s.
    """

    right_twin = "singleflight"
    lease_s: float = parameter(10.0, "after which a lock ends by itself, seconds", low=0.1, high=600)
    wait_s: float = parameter(5.0, "how long a request waits for another's load, seconds", low=0, high=60)
    poll_s: float = parameter(0.05, "how often a waiter looks, seconds", low=0.001, high=10)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        cache, token = self.lab.cache, f"{self.lab.clock.now_s()} {self.lab.rng.random()}"
        for turn in range(int(self.wait_s / self.poll_s) + 1):
            if turn:
                await asyncio.sleep(self.poll_s)
            entry = await cache.get(key)
            if entry is not None:
                return Lookup(Status.COLLAPSED if turn else Status.HIT, entry)
            if await cache.lock(key, token, self.lease_s):
                entry = (await load(LoadReason.MISS)).as_entry(
                    self.ttl_s
                )  # the mistake: what fails here keeps the lock
                await cache.put(key, entry, token)
                return Lookup(Status.MISS, entry)
        raise Shed(f"no answer within {self.wait_s:g} s of waiting (outliving_lock.wait_s)")
