from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy


class Static(Strategy):
    """A fixed TTL and no coordination: look up, load on a miss, store.

    Expect:     a needle of origin reads each time a hot entry expires, and a latency spike under it.
    Where it hurts: every request that arrives while the entry is being loaded loads it too: 1 + lambda L loads per
                expiry. Keys that were written together expire together, for ever.
    Reference:  the "naive" variant of "Cache stampede, a primer"; the static one of Jitterbug.
    """

    is_baseline = True

    def mechanism(self) -> Mechanism:
        return Mechanism.none()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, await self.lab.store(key, loaded, fresh_for_s=self.ttl_s))
