from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter


class WholeSecondSpread(Strategy):
    """Every entry draws its own TTL in whole seconds, so that a spread of less than two seconds is none.

    Expect:     the needles of a fixed TTL, for ever. At a TTL of 3 s and a spread of half of it each key draws 3 s.
    Where it hurts: short TTLs and small spreads, where it is a fixed TTL. With longer ones keys expire in steps of a
                second, each step together.
    Reference:  `randint` in the jitter of public code; "Cache stampede, a primer" adds a whole second or none.
    """

    right_twin = "jitter"
    spread: float = parameter(0.5, "width of the range that TTLs are drawn from, as a share of the TTL", low=0, high=2)

    def mechanism(self) -> Mechanism:
        return Mechanism.unknown(spread=self.spread)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, await self.lab.store(key, loaded, fresh_for_s=self.draw_ttl_s()))

    def draw_ttl_s(self) -> float:
        """A TTL, as far from the mean as a whole number of seconds goes into half of the range."""
        half_s = int(self.ttl_s * self.spread / 2)
        return max(0.0, self.ttl_s + self.lab.rng.randint(-half_s, half_s))
