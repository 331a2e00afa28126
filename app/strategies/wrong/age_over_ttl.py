import math

from app.strategy import Entry, Loader, LoadReason, Lookup, Status, Strategy, parameter


class AgeOverTtl(Strategy):
    """Early refresh by a chance that grows with age / TTL, whatever a load costs: XFetch without its delta.

    Expect:     a hot key is refreshed as soon as the chance is above 0, at half the TTL, though its load is quick.
    Where it hurts: reads per minute, because an entry lives little more than half of its TTL. The paper's rule begins
                early by the cost, and so late where a load is cheap.
    Reference:  the published code of "Cache stampede, a primer": 6,275 early refreshes in 60 s. Delta is what Vattani
                et al., VLDB 2015, scale the head start by.
    """

    right_twin = "xfetch"
    begins: float = parameter(0.5, "the share of the TTL before which no reader refreshes", low=0, high=1)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is None:
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        if self._is_due(entry):
            self.lab.flights.refresh(key, load, LoadReason.EARLY, entry, self.ttl_s)
        return Lookup(Status.HIT, entry)

    def _is_due(self, entry: Entry) -> bool:
        spent = entry.age_s(self.lab.clock.now_s()) / self.ttl_s
        return spent > self.begins and self.lab.rng.random() < 1.0 - math.exp(-spent)
