from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter


class Jitter(Strategy):
    """Every entry draws its own TTL, so that keys written together do not expire together.

    Expect:     with many keys the needles of a fixed TTL melt into a low band within a few cycles.
    Where it hurts: one hot key is still one herd: jitter moves the moment, not the number. A form that only
                lengthens the TTL saves loads by serving older data, which a longer fixed TTL does as well.
    Reference:  Jitterbug (TTL 10 s, jitter 10 to 15 s); the primer's 20 % and 100 % runs.
    """

    spread: float = parameter(0.5, "width of the range that TTLs are drawn from, as a share of the TTL", low=0, high=2)
    form: str = parameter(
        "mean-preserving",
        "mean-preserving draws around the TTL, longer draws from the TTL upwards (as published)",
        choices=("mean-preserving", "longer"),
    )

    def mechanism(self) -> Mechanism:
        mean = 1.0 + self.spread / 2 if self.form == "longer" else 1.0
        return Mechanism.none(stretch=mean, spread=self.spread)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, await self.lab.store(key, loaded, fresh_for_s=self.draw_ttl_s()))

    def draw_ttl_s(self) -> float:
        """A TTL, uniform over a range of `spread` TTLs; fractions of a second count."""
        lowest = 1.0 if self.form == "longer" else 1.0 - self.spread / 2
        return self.ttl_s * (lowest + self.spread * self.lab.rng.random())
