import math

from app.strategy import CacheAway, Lab, Loader, LoadReason, Lookup, Mechanism, Status, Strategy, parameter

STEPS = (1.0, 2.0, 4.0)
WINDOW_S_MIN, COUNTS_PER_WINDOW = 0.1, 4
KEYS_MAX = 10_000  # whose velocity a pod remembers; at one more it forgets them all


class VelocityWeightedTtl(Strategy):
    """A key lives the longer the more often it is asked for, by its accesses in a sliding window.

    The published seconds are shares of the run's TTL, which is 300 s there: a window of 60 s, TTLs of 30 to 1,200 s. A
    TTL that the tuner has set for a prefix of the key takes the place of the key's own, within the same bounds.

    Expect:     hot keys expire seldom and cold ones soon, with one load per expiry; TTLs follow popularity.
    Where it hurts: what most people see is the oldest. What is seldom asked for is nearly always a miss.
    Reference:  "Velocity-weighted adaptive TTL" (VWATT): 30, 300, 600 and 1,200 s, and 10 s of spread either way.
    """

    runs_by_default = False
    counts_prefixes = True  # which the tuner reads

    window: float = parameter(0.2, "the sliding window, in TTLs", low=0.01, high=1)
    usual: float = parameter(10.0, "accesses in a window that make 1 TTL; four times as many make 2", low=1, high=1e9)
    least: float = parameter(0.1, "the shortest TTL, in TTLs", low=0.05, high=1)
    most: float = parameter(4.0, "the longest TTL, in TTLs", low=1, high=100)
    spread: float = parameter(0.067, "width of the range that is drawn from, in TTLs", low=0, high=0.1)
    form: str = parameter("steps", "steps of 1, 2 and 4 TTLs, as published, or smooth", choices=("steps", "smooth"))

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._window_s = max(self.window * self.ttl_s, WINDOW_S_MIN)
        self._velocities: dict[str, tuple[float, float]] = {}  # until when, and the TTLs that it makes

    def mechanism(self) -> Mechanism:
        # Drawn from the least to the most, as far as anybody knows beforehand.
        return Mechanism.unknown(stretch=(self.least + self.most) / 2, spread=self.most - self.least + self.spread)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        flights = self.lab.flights
        self.lab.cache.count(key, self._window_s)
        entry = await self.lab.cache.get(key)
        if entry is None:
            return await flights.collapse(key, load, await self.ttl_s_at(key, self.lab.rng.random()))
        age_s = entry.age_s(self.lab.clock.now_s())
        if age_s <= self.least * self.ttl_s or age_s <= await self.ttl_s_at(key, at=1.0):
            return Lookup(Status.HIT, entry)
        # Stored when the key was hotter: it has lived for longer than its TTL is by now.
        flights.refresh(key, load, LoadReason.REFRESH, entry, await self.ttl_s_at(key, self.lab.rng.random()))
        return Lookup(Status.STALE, entry)

    async def ttl_s_at(self, key: str, at: float) -> float:
        """The TTL of the key now, at that share of the spread; fractions of a second count."""
        tuned_s = self.lab.cache.setting(key, "ttl_s")
        ttls = await self._velocity(key) if tuned_s is None else tuned_s / self.ttl_s
        return self.ttl_s * (min(max(ttls, self.least), self.most) + self.spread * (at - 0.5))

    async def _velocity(self, key: str) -> float:
        """The TTLs that the accesses of the last window make; 1 where they cannot be counted."""
        now_s = self.lab.clock.monotonic_s()
        until_s, velocity = self._velocities.get(key, (-math.inf, 1.0))
        if now_s < until_s:
            return velocity
        try:
            root = math.sqrt(await self.lab.cache.counted(key, self._window_s) / self.usual)
        except CacheAway:
            return velocity
        velocity = root if self.form == "smooth" else max((step for step in STEPS if step <= root), default=0.0)
        if len(self._velocities) >= KEYS_MAX:
            self._velocities.clear()
        self._velocities[key] = now_s + self._window_s / COUNTS_PER_WINDOW, velocity
        return velocity
