from app.strategy import Loader, LoadReason, Lookup, Status, Strategy, parameter


class LastSecond(Strategy):
    """Every reader in the last second of the TTL loads the key anew, and nothing holds the others back.

    Expect:     the herd of a fixed TTL, a second earlier: 1 + lambda L loads, until the first of them has stored.
    Where it hurts: everywhere: the needle comes more often, and is higher, because no reader waits before it asks
                again. It is worse than no remedy.
    Reference:  "The store rush" explainer, refresh in the last 20 to 30 % of the TTL, without the lock. Simulated on
                the primer's load: 1,290 loads in 60 s, at most 103/s.
    """

    right_twin = "early"
    early_s: float = parameter(1.0, "how long before the expiry readers begin to refresh, seconds", low=0, high=86_400)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is None:
            return Lookup(Status.MISS, await self.lab.store(key, await load(LoadReason.MISS), self.ttl_s))
        if not entry.is_fresh(self.lab.clock.now_s() + self.early_s):
            self.lab.flights.refresh_alone(key, load, LoadReason.EARLY, self.ttl_s)
        return Lookup(Status.HIT, entry)
