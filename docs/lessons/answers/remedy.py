from app.strategy import Loader, Lookup, Mechanism, Status, Strategy


class Remedy(Strategy):
    """On a miss one request loads, over all pods, and the others wait for it.

    Expect:     one read per key and expiry.
    Where it hurts: the others wait as long as the load takes.
    Reference:  the first level of the exercise.
    """

    def mechanism(self) -> Mechanism:
        return Mechanism.collapse()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        return await self.lab.flights.collapse(key, load, fresh_for_s=self.ttl_s)
