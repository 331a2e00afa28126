import math

from app.strategy import Entry, Loader, LoadReason, Lookup, Mechanism, OriginFailed, Shed, Status, Strategy, parameter


class Layered(Strategy):
    """Every remedy above the other: TTLs are spread, loads shared and done ahead, and old answers help out.

    Expect:     the reads of a lock at the p99 of a hit, few stale answers, and no error while the origin is down.
    Where it hurts: five numbers to choose; Redis keeps entries for all windows together. A cold start still waits.
    Reference:  jitter, collapse, singleflight, swr and xfetch each have their own; RFC 5861, stale-if-error.
    """

    runs_by_default = False
    spread: float = parameter(0.2, "width of the range around the TTL that TTLs are drawn from, in TTLs", low=0, high=2)
    collapse: str = parameter("fleet", "which misses share a load", choices=("none", "pod", "fleet"))
    stale_s: float = parameter(5.0, "how long past its freshness an entry may be served, seconds", low=0, high=86_400)
    beta: float = parameter(0.5, "mean head start of an early load, in costs of a load; 0 for none", low=0, high=100)
    stale_if_error_s: float = parameter(30.0, "how much longer where a load fails, seconds", low=0, high=86_400)

    def mechanism(self) -> Mechanism:
        spread, stale_s, beta = self.spread, self.stale_s, self.beta
        kinds = {"none": Mechanism.none, "pod": Mechanism.collapse_in_pod, "fleet": Mechanism.collapse}
        if not (stale_s or beta):
            known = kinds[self.collapse](spread=spread)
        elif self.collapse == "fleet":
            known = Mechanism.early(beta=beta, spread=spread, window_s=stale_s)
        else:  # no formula: all pods share a load ahead of need, and not one that a request waits for
            known = Mechanism.unknown(spread=spread, window_s=stale_s)
        return known.on_error(self.stale_if_error_s)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry, now_s = await self.lab.cache.get(key), self.lab.clock.now_s()
        if entry is None:
            return await self._load(key, load)
        if entry.is_fresh(now_s):
            if self.beta and self._is_due(entry, now_s):
                self.lab.flights.refresh(key, load, LoadReason.EARLY, entry, *self._draw_times_s())
            return Lookup(Status.HIT, entry)
        if now_s < entry.fresh_until_s + self.stale_s:
            self.lab.flights.refresh(key, load, LoadReason.REFRESH, entry, *self._draw_times_s())
            return Lookup(Status.STALE, entry)
        try:
            return await self._load(key, load)
        except (OriginFailed, Shed):
            if not entry.is_servable(self.lab.clock.now_s()):
                raise
            return Lookup(Status.STALE, entry)

    async def _load(self, key: str, load: Loader) -> Lookup:
        flights, times_s = self.lab.flights, self._draw_times_s()
        if self.collapse == "none":
            return Lookup(Status.MISS, await self.lab.store(key, await load(LoadReason.MISS), *times_s))
        share = flights.collapse if self.collapse == "fleet" else flights.collapse_in_pod
        return await share(key, load, *times_s)

    def _is_due(self, entry: Entry, now_s: float) -> bool:
        """Whether this reader refreshes a fresh entry, by XFetch's rule: now - delta beta ln(rand()) >= expiry."""
        return not entry.is_fresh(now_s - entry.cost_s * self.beta * math.log(1.0 - self.lab.rng.random()))

    def _draw_times_s(self) -> tuple[float, float]:
        """How long an entry is fresh, evenly drawn around the TTL, and how long it is kept."""
        stretch = 1.0 + self.spread * (self.lab.rng.random() - 0.5) if self.spread else 1.0
        return self.ttl_s * stretch, self.ttl_s * stretch + self.stale_s + self.stale_if_error_s
