from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter


class LongerSpread(Strategy):
    """Every entry draws a TTL from the stated one upwards, and the loads that it saves are put down to the jitter.

    Expect:     fewer loads than with the stated TTL, and exactly as many as with a fixed one of the same mean.
    Where it hurts: answers are older, which is what was paid. What a spread does buy is a lower peak, and for that it
                need not lengthen anything.
    Reference:  Jitterbug: a TTL of 10 s against one drawn from 10 to 15 s, "20 % fewer misses".
    """

    right_twin = "jitter"
    spread: float = parameter(0.5, "the most that is added to the TTL, as a share of it", low=0, high=2)

    def mechanism(self) -> Mechanism:
        return Mechanism.none(stretch=1.0 + self.spread / 2, spread=self.spread)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        loaded = await load(LoadReason.MISS)
        ttl_s = self.ttl_s * (1.0 + self.spread * self.lab.rng.random())
        return Lookup(Status.MISS, await self.lab.store(key, loaded, fresh_for_s=ttl_s))
