from app.strategy import Loader, LoadReason, Lookup, Status, Strategy, parameter


class HalfLock(Strategy):
    """A lock that half of all misses are let past, by a coin, so that waits are short.

    Expect:     half a herd: 1 + lambda L / 2 loads per expiry.
    Where it hurts: wherever the whole herd hurt: half of a number that grows with the traffic grows with the traffic.
    Reference:  "Velocity-weighted adaptive TTL": locks "with 50 % acquisition" that are said to eliminate stampedes.
    """

    right_twin = "singleflight"
    share: float = parameter(0.5, "the share of the misses that ask for the lock", low=0, high=1)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        if self.lab.rng.random() < self.share:
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, await self.lab.store(key, loaded, self.ttl_s))
