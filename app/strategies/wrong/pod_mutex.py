from app.strategy import Loader, Lookup, Mechanism, Status, Strategy


class PodMutex(Strategy):
    """A mutex of the process, taken for a promise of the fleet: one load per expiry in each of many pods.

    Expect:     P loads per expiry of a hot key. It passes every test on a laptop, where P is 1.
    Where it hurts: with the number of pods, and so when a fleet is scaled up because the origin is slow.
    Reference:  "Request collapsing and jitter" (Aonnis): a hundred servers with in-process collapsing are a hundred
                leaders.
    """

    right_twin = "singleflight"

    def mechanism(self) -> Mechanism:
        return Mechanism.collapse_in_pod()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        return await self.lab.flights.collapse_in_pod(key, load, self.ttl_s)
