from app.strategy import Loader, LoadReason, Lookup, Mechanism, Status, Strategy


class NoCache(Strategy):
    """Every request reads the origin, and nothing is kept: the most that any cache can save.

    Expect:     as many origin reads as requests, and the origin's own latency for each of them.
    Where it hurts: wherever the origin cannot take the whole traffic: its queue fills, requests time out or are shed.
    Reference:  the upper bound of every strategy; it runs, because what a full origin does follows from no formula.
    """

    def mechanism(self) -> Mechanism:
        return Mechanism.unknown(stretch=0.0)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, loaded.as_entry(fresh_for_s=0.0))
