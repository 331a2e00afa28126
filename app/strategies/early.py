from typing import ClassVar

from app.strategy import Entry, Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter


class Early(Strategy):
    """A reader who finds an entry past a fixed share of its TTL has it replaced in the background.

    Expect:     hot keys never expire, and no request waits. An entry lives for `share` of the TTL, which costs
                1 / `share` times the loads of a TTL that is used to its end.
    Where it hurts: the threshold knows neither a load's cost nor the key's rate; XFetch waits longer the quicker the
                load is. Unlocked, every reader past it loads, and no wait slows them down: 1 + lambda L loads. That is
                as many as with a fixed TTL, and more often.
    Reference:  refresh-ahead (Oracle Coherence); "The store rush": refresh in the last 20 to 30 %.
    """

    runs_by_default: ClassVar[bool] = False
    share: float = parameter(0.8, "the share of the TTL after which an entry is replaced", low=0.01, high=1)
    form: str = parameter(
        "locked",
        "locked refreshes once over all pods; unlocked lets every reader from then on begin a load of its own",
        choices=("locked", "unlocked"),
    )

    def mechanism(self) -> Mechanism:
        return Mechanism.refresh_ahead(ahead=1.0 - self.share) if self.form == "locked" else Mechanism.unknown()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        flights = self.lab.flights
        entry = await self.lab.cache.get(key)
        if entry is not None:
            if self._is_due(entry):
                if self.form == "locked":
                    flights.refresh(key, load, LoadReason.EARLY, entry, self.ttl_s)
                else:
                    flights.refresh_alone(key, load, LoadReason.EARLY, self.ttl_s)
            return Lookup(Status.HIT, entry)
        if self.form == "locked":
            return await flights.collapse(key, load, self.ttl_s)
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, await self.lab.store(key, loaded, self.ttl_s))

    def _is_due(self, entry: Entry) -> bool:
        """Whether the share of the entry's own freshness is over; that of a negative entry is shorter."""
        return self.lab.clock.now_s() >= entry.read_at_s + self.share * (entry.fresh_until_s - entry.read_at_s)
