from typing import ClassVar

from app.strategy import Lab, Loader, Lookup, Mechanism, Status, Strategy, parameter


class Tiered(Strategy):
    """Each pod answers from copies of its own for a while, before it asks Redis; a miss of both loads once over all.

    Expect:     the origin reads of `singleflight`, with fewer Redis commands and less CPU for a hit, most of all for
                hot keys.
    Where it hurts: a write reaches the other pods late, by a message; where that is lost or none is sent, after
                `local_s`. Readers that ask pods in turn may see an item go back for as long.
    Reference:  L1 + L2 of the "Velocity-weighted adaptive TTL" article; FusionCache's hybrid cache with a backplane;
                Redis client-side caching.
    """

    runs_by_default: ClassVar[bool] = False
    local_s: float = parameter(1.0, "how long a pod answers with a copy of its own, seconds", low=0, high=86_400)
    entries_max: float = parameter(1_000, "copies in a pod", low=1, high=1_000_000)
    invalidation: str = parameter(
        "pubsub", "how pods learn that a copy is out of date", choices=("none", "pubsub", "tracking")
    )

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._tier = lab.local_tier(int(self.entries_max), self.invalidation)

    def mechanism(self) -> Mechanism:
        return Mechanism.collapse().lagging(self.local_s)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = self._tier.get(key)
        if entry is None:
            entry = await self.lab.cache.get(key)
            if entry is None:  # what comes of a load is copied by the next look, and only if Redis has it
                return await self.lab.flights.collapse(key, load, fresh_for_s=self.ttl_s)
            self._tier.put(key, entry, self.local_s)
        return Lookup(Status.HIT, entry)
