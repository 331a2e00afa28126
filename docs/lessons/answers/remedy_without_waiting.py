from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter


class RemedyWithoutWaiting(Strategy):
    """Past its TTL the old entry answers for a while, and one load behind it brings the new one.

    Expect:     one read per key and expiry, and nobody waits.
    Where it hurts: answers are older than the TTL, by up to `stale_s`.
    Reference:  the second level of the exercise; RFC 5861.
    """

    stale_s: float = parameter(5.0, "how long past its freshness an entry may be served, seconds", low=0, high=600)

    def mechanism(self) -> Mechanism:
        return Mechanism.stale(window_s=self.stale_s)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        keep_for_s = self.ttl_s + self.stale_s
        entry = await self.lab.cache.get(key)
        if entry is None:
            return await self.lab.flights.collapse(key, load, self.ttl_s, keep_for_s)
        if entry.is_fresh(self.lab.clock.now_s()):
            return Lookup(Status.HIT, entry)
        self.lab.flights.refresh(key, load, LoadReason.REFRESH, entry, self.ttl_s, keep_for_s)
        return Lookup(Status.STALE, entry)
