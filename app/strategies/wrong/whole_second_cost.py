import math

from app.strategy import Entry, Loader, LoadReason, Lookup, Status, Strategy, parameter


class WholeSecondCost(Strategy):
    """XFetch whose delta is kept in whole seconds, so that a load of less than one counts as free.

    Expect:     not one early refresh where a load takes under a second: its readers meet every expiry of a hot key.
    Where it hurts: unnoticed: the code is there, the setting is on, and it never fires. The readers wait as with a lock
                alone, and the tail is a load's.
    Reference:  symfony/symfony #33837, "Cache stampede prevention fails when calculation time is less than a second".
    """

    right_twin = "xfetch"
    beta: float = parameter(1.0, "above 1 refreshes earlier, below 1 later", low=0, high=100)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is None:
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        if self._is_due(entry):
            self.lab.flights.refresh(key, load, LoadReason.EARLY, entry, self.ttl_s)
        return Lookup(Status.HIT, entry)

    def _is_due(self, entry: Entry) -> bool:
        whole_cost_s = int(entry.cost_s)  # the mistake: 0 for 200 ms, and so is whatever it is multiplied by
        head_start_s = -whole_cost_s * self.beta * math.log(1.0 - self.lab.rng.random())
        return not entry.is_fresh(self.lab.clock.now_s() + head_start_s)
