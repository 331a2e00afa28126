import math

from app.strategy import Entry, Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter


class XFetch(Strategy):
    """Each reader of a fresh entry may refresh it early, by a chance that grows towards the expiry.

    Expect:     hot keys are refreshed about `beta * cost` before they expire, in the background; no needle, no wait.
    Where it hurts: it needs readers: at lambda requests/s a key expires unrefreshed with chance e^(-lambda beta cost),
                so cold keys are plain misses. An entry lives a little shorter, which costs loads. Without a lock a
                refresh is e^(1/beta) loads on average, whatever the rate, and each of those readers waits for its own.
    Reference:  Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.
    """

    beta: float = parameter(1.0, "above 1 refreshes earlier, below 1 later", low=0, high=100)
    form: str = parameter(
        "locked",
        "locked refreshes once, in the background; unlocked lets every reader that decides to load do so (the paper)",
        choices=("locked", "unlocked"),
    )

    def mechanism(self) -> Mechanism:
        return Mechanism.early(beta=self.beta) if self.form == "locked" else Mechanism.unknown()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None and not self._is_due(entry):
            return Lookup(Status.HIT, entry)
        if self.form == "unlocked":
            loaded = await load(LoadReason.MISS if entry is None else LoadReason.EARLY)
            return Lookup(Status.MISS, await self.lab.store(key, loaded, self.ttl_s))
        if entry is None:
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        self.lab.flights.refresh(key, load, LoadReason.EARLY, entry, self.ttl_s)
        return Lookup(Status.HIT, entry)

    def _is_due(self, entry: Entry) -> bool:
        """Whether this reader refreshes: now - delta beta ln(rand()) >= expiry."""
        head_start_s = -entry.cost_s * self.beta * math.log(1.0 - self.lab.rng.random())
        return not entry.is_fresh(self.lab.clock.now_s() + head_start_s)
