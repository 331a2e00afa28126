import asyncio

from app.strategy import Entry, Lab, Loader, LoadReason, Lookup, OriginFailed, Shed, Status, Strategy


class KeptFailure(Strategy):
    """Collapsing in a pod by a map of promises, from which a load that fails is never removed.

    Expect:     one load per pod and expiry, until the first load that fails. Its promise stays in the map, and every
                later request for the key gets that failure at once.
    Where it hurts: after an outage. The origin is back, and the keys that were asked for meanwhile are not, until the
                pod is started anew.
    Reference:  "The store rush" explainer: a failed fill must be removed from the in-flight registry at once.
    """

    right_twin = "collapse"

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._in_flight: dict[str, asyncio.Future[Entry]] = {}  # one for each key, as the key space bounds them

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        if (promise := self._in_flight.get(key)) is not None:
            return Lookup(Status.COLLAPSED, await asyncio.shield(promise))
        promise = self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            entry = await self.lab.store(key, await load(LoadReason.MISS), self.ttl_s)
        except BaseException as failed:
            is_told = isinstance(failed, OriginFailed | Shed)
            promise.set_exception(failed if is_told else OriginFailed("its load was given up"))
            promise.exception()  # whether or not somebody waits for it
            raise  # the mistake: the promise stays
        del self._in_flight[key]
        promise.set_result(entry)
        return Lookup(Status.MISS, entry)
