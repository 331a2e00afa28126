# Copy this file to a name of your own (or run `make new S=mine`): the name is the route, the label and the row.
from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter


class Template(Strategy):
    """The idea, in one sentence.

    Expect:     what the dashboard shows.
    Where it hurts: what it costs, and when it fails.
    Reference:  where it comes from.
    """

    stretch: float = parameter(1.0, "how many TTLs an entry lives", low=0.1, high=10)

    def mechanism(self) -> Mechanism:
        # An answer older than `stretch` TTLs is a wrong one. Theory predicts a kind that it knows: none, collapse, …
        return Mechanism.unknown(stretch=self.stretch)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        # Load alone, as here, or let `self.lab.flights.collapse(key, load, fresh_for_s)` see to it that one does.
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, await self.lab.store(key, loaded, fresh_for_s=self.ttl_s * self.stretch))
