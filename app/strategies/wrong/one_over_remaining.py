from app.strategy import Entry, Loader, LoadReason, Lookup, Status, Strategy


class OneOverRemaining(Strategy):
    """Each reader refreshes by the chance 1 / seconds that are left, which is meant to let one of them through.

    Expect:     a hot key is refreshed as soon as it has been loaded. Of lambda readers a second the first does so after
                T / (lambda + 1) seconds.
    Where it hurts: reads per minute: 60 / (L + T / lambda), as if there were no TTL; the more popular, the worse. A
                unit decides it, too: the same code with milliseconds refreshes a thousandth as often.
    Reference:  "Request collapsing and jitter" (Aonnis): `random() < 1 / time_remaining` lets "only one user" refresh.
    """

    right_twin = "xfetch"

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is None:
            return await self.lab.flights.collapse(key, load, self.ttl_s)
        if self._is_due(entry):
            self.lab.flights.refresh(key, load, LoadReason.EARLY, entry, self.ttl_s)
        return Lookup(Status.HIT, entry)

    def _is_due(self, entry: Entry) -> bool:
        remaining_s = entry.fresh_until_s - self.lab.clock.now_s()
        return self.lab.rng.random() * remaining_s < 1.0
