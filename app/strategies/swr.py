from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter


class StaleWhileRevalidate(Strategy):
    """Past its freshness an entry is still served for a while, and one background load replaces it.

    Expect:     one origin read per key and expiry, and no request waits for it: p99 stays near the cost of a hit.
    Where it hurts: answers are older than the TTL, up to `ttl_s + stale_s`. A key that is asked for less often
                than that is a plain miss.
    Reference:  RFC 5861, stale-while-revalidate.
    """

    stale_s: float = parameter(5.0, "how long past its freshness an entry may be served, seconds", low=0, high=86_400)

    def mechanism(self) -> Mechanism:
        return Mechanism.stale(window_s=self.stale_s)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        flights, keep_for_s = self.lab.flights, self.ttl_s + self.stale_s
        entry = await self.lab.cache.get(key)
        if entry is None:
            return await flights.collapse(key, load, self.ttl_s, keep_for_s)
        if entry.is_fresh(self.lab.clock.now_s()):
            return Lookup(Status.HIT, entry)
        flights.refresh(key, load, LoadReason.REFRESH, entry, self.ttl_s, keep_for_s)
        return Lookup(Status.STALE, entry)
