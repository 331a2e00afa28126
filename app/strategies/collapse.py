from typing import ClassVar

from app.strategy import Loader, Lookup, Mechanism, Status, Strategy


class Collapse(Strategy):
    """On a miss one request of each pod loads, and the others of that pod sleep until an event wakes them.

    Expect:     a needle as high as there are pods, whatever the traffic: 1 + (P - 1)(1 - e^(-lambda L / P)) loads per
                expiry. With one pod that is one.
    Where it hurts: a hundred pods are a hundred leaders; only a lock that all share makes one of them. The waiters wait
                the rest of their pod's load.
    Reference:  "Request collapsing and jitter" (Aonnis); Go's x/sync/singleflight.
    """

    runs_by_default: ClassVar[bool] = False

    def mechanism(self) -> Mechanism:
        return Mechanism.collapse_in_pod()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        return await self.lab.flights.collapse_in_pod(key, load, fresh_for_s=self.ttl_s)
