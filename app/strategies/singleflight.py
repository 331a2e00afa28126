from app.strategy import Loader, Lookup, Mechanism, Status, Strategy


class Singleflight(Strategy):
    """On a miss one request loads; all others, in this pod and the others, wait for what it brings.

    Expect:     one origin read per key and expiry, whatever the traffic; a wall of `collapsed` answers.
    Where it hurts: the waiters wait the rest of the load, so the tail is as long as with a fixed TTL. When the
                holder of the lock dies, all of them wait for its lease to end.
    Reference:  Go's x/sync/singleflight in a pod; leases (Nishtala et al., NSDI 2013) between pods.
    """

    def mechanism(self) -> Mechanism:
        return Mechanism.collapse()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        return await self.lab.flights.collapse(key, load, fresh_for_s=self.ttl_s)
